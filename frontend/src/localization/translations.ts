import { fill, type SentenceValues } from '@atelier/sdk/ui';
import { shallowRef } from 'vue';

/** Addresses of `localization/<language>.json` (A1111's format: English text → translation), by language. */
const files = import.meta.glob<string>('../../../localization/*.json', { query: '?url', import: 'default', eager: true });
const addresses = new Map(Object.entries(files).map(([path, url]) => [path.split('/').at(-1)!.replace('.json', ''), url]));

const translations = shallowRef<Readonly<Record<string, string>>>({});

/** Languages the page can speak, English first. */
export const languages: readonly { value: string; label: string }[] = ['en', ...addresses.keys()].map((code) => ({
  value: code,
  label: new Intl.DisplayNames([code], { type: 'language' }).of(code) ?? code,
}));

/** Translates an English sentence, which is its own key; one that the language lacks stays English. */
export function t(sentence: string, values?: SentenceValues): string {
  return fill(translations.value[sentence] || sentence, values);
}

/** Changes the page's language. The words are loaded once they are wanted. */
export async function speak(language: string): Promise<void> {
  const address = addresses.get(language);
  const loaded = address ? ((await (await fetch(address)).json()) as Record<string, string>) : {};
  translations.value = loaded;
  document.documentElement.lang = address ? language : 'en';
}

import { type ErrorReport, reportOf } from '@atelier/sdk/contracts';
import type { UiDefinition } from '@atelier/sdk/ui';
import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import { t } from '../localization/translations.js';

/** The page half of an extension, as far as it is loaded. */
export type ExtensionPage =
  | { state: 'loading'; url: string }
  | { state: 'ready'; url: string; definition: UiDefinition }
  | { state: 'failed'; url: string; error: ErrorReport };

/** Loads the page halves of extensions when they are first wanted, and swaps them when they change. */
export const useExtensionPagesStore = defineStore('extension-pages', () => {
  const pages = shallowRef<ReadonlyMap<string, ExtensionPage>>(new Map());

  function set(id: string, page: ExtensionPage): void {
    pages.value = new Map(pages.value).set(id, page);
  }

  /** Loads the module at `url`, unless that very one is loaded already. A failed one is tried again. */
  async function load(id: string, url: string): Promise<void> {
    const known = pages.value.get(id);
    if (known?.url === url && known.state !== 'failed') return;
    set(id, { state: 'loading', url });
    const page = await importPage(id, url, known?.state === 'failed');
    if (pages.value.get(id)?.url === url) set(id, page);
  }

  /** Called when an extension was compiled anew or withdrawn. What nobody has opened yet is left for later. */
  async function swap(id: string, url: string | null): Promise<void> {
    if (!pages.value.has(id)) return;
    if (url) {
      await load(id, url);
      return;
    }
    const next = new Map(pages.value);
    next.delete(id);
    pages.value = next;
  }

  return { pages, load, swap };
});

async function importPage(id: string, url: string, again: boolean): Promise<ExtensionPage> {
  try {
    // browsers remember a module that failed, so a second try needs another address
    const module = (await import(/* @vite-ignore */ again ? `${url}?again=${Date.now()}` : url)) as { default?: UiDefinition };
    if (!module.default) throw new Error(t('Its page has no default export; it should be defineUi({ … }).'));
    return { state: 'ready', url, definition: module.default };
  } catch (cause) {
    return { state: 'failed', url, error: pageFault(id, cause) };
  }
}

/** The report of something that an extension's page threw: named, whatever was thrown. */
export function pageFault(extension: string, cause: unknown): ErrorReport {
  const report = reportOf(cause);
  const isForeign = report.code === 'internal';
  return {
    ...report,
    extension,
    code: isForeign ? 'extension-page-failed' : report.code,
    hint: isForeign ? t('The rest of the page goes on. Reload the extension, or disable it in the Extensions tab.') : report.hint,
  };
}

/** Values for the `{names}` in a sentence. */
export type SentenceValues = Readonly<Record<string, string | number>>;

/** Translates an English sentence; the sentence itself is the key. */
export type Translate = (sentence: string, values?: SentenceValues) => string;

/** Puts values into a sentence: `fill('{count} queued', { count: 2 })` is "2 queued". A name without a value stays as it is. */
export function fill(sentence: string, values: SentenceValues = {}): string {
  return sentence.replace(/\{(\w+)\}/g, (name, key: string) => (key in values ? String(values[key]) : name));
}

/** A value of somebody else's JSON, of which nothing is known. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The object that a text is the JSON of; undefined when it is another value, or none. Python's NaN and Infinity are null. */
export function jsonObject(text: string | undefined): Record<string, Json> | undefined {
  if (text === undefined || !text.trimStart().startsWith('{')) return undefined;
  return objectOf(parsed(text) ?? parsed(text.replaceAll(/\b(NaN|-?Infinity)\b/g, 'null')));
}

/** The value as an object with names; undefined for others. */
export function objectOf(value: Json | undefined): Record<string, Json> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

/** The value as an infotext would have it; undefined for lists, objects and nothing. */
export function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** Entries of an infotext from pairs, without those that have no value. */
export function entriesOf(pairs: Readonly<Record<string, Json | undefined>>): Map<string, string> {
  const texts = Object.entries(pairs).map(([name, value]) => [name, textOf(value)] as const);
  return new Map(texts.filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== ''));
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined; // other people's text chunk, which is shown as it is
  }
}

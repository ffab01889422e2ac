import type { GenerationParameters } from '@atelier/sdk';
import { quoted } from './infotext/quote.js';

/**
 * The text A1111 writes into its pictures: prompt, `Negative prompt: …` when there is one, then `Name: value` pairs.
 * Values with a comma, colon or line break are quoted as JSON strings; a value that is its name stands alone.
 */
export function parametersText({ prompt, negativePrompt, entries }: GenerationParameters): string {
  const lines = [prompt];
  if (negativePrompt !== '') lines.push(`Negative prompt: ${negativePrompt}`);
  lines.push(entries.map(([name, value]) => (name === value ? name : `${name}: ${quoted(String(value))}`)).join(', '));
  return lines.join('\n').trim();
}

import { parametersText } from '../generation-parameters.js';
import type { Infotext } from './parse-infotext.js';

/** An infotext put together again, for one that came from another program's words. */
export function infotextText({ prompt, negativePrompt, entries }: Infotext): string {
  const pairs: [string, string][] = [];
  for (const [name, value] of entries) {
    const second = name.endsWith('-1') ? entries.get(`${name.slice(0, -2)}-2`) : undefined;
    if (second !== undefined) pairs.push([name.slice(0, -2), `${value}x${second}`]);
    else if (!(name.endsWith('-2') && entries.has(`${name.slice(0, -2)}-1`))) pairs.push([name, value]);
  }
  return parametersText({ prompt, negativePrompt, entries: pairs });
}

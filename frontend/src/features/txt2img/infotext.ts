/** The parameters text of a picture, in its parts. */
export interface Infotext {
  prompt: string;
  negativePrompt: string;
  entries: readonly (readonly [name: string, value: string])[];
}

/** Takes A1111's parameters text apart for showing: prompt, "Negative prompt: …", and a last line of "Name: value" pairs. */
export function readInfotext(text: string): Infotext {
  const lines = text.trim().split('\n');
  const hasEntries = /^Steps: \d/.test(lines.at(-1) ?? '');
  const entries = hasEntries ? entriesOf(lines.pop()!) : [];
  const [prompt, negativePrompt = ''] = lines.join('\n').split(/(?:^|\n)Negative prompt: /);
  return { prompt: prompt.trim(), negativePrompt: negativePrompt.trim(), entries };
}

/** Values may be quoted, and then hold commas of their own. */
function entriesOf(line: string): [string, string][] {
  return [...line.matchAll(/\s*(\w[\w \-/]+):\s*("(?:\\.|[^"\\])+"|[^,]*)(?:,|$)/g)].map(([, name, value]) => [name, value.trim()]);
}

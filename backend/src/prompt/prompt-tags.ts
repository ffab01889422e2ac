import { WORD } from './character-classes.js';

/** `<lora:detail:0.8:unet=0.5>`: a wish for a network, written into the prompt. */
export interface PromptTag {
  /** The word before the first colon, as written: `lora`. */
  readonly kind: string;
  /** Everything between the colons after it: `detail`, `0.8`, `unet=0.5`. */
  readonly items: readonly string[];
  /** The items without a name. */
  readonly positional: readonly string[];
  /** The items of the form `name=value`. */
  readonly named: Readonly<Record<string, string>>;
}

const tagPattern = new RegExp(`<([${WORD}]+):([^>]+)>`, 'gu');

/** Takes the tags out of a prompt. They are not part of what the text encoder sees; the text around them stays untouched. */
export function extractTags(prompt: string): { prompt: string; tags: PromptTag[] } {
  const tags: PromptTag[] = [];
  // no tag ends after the last ">", and looking for one there would take quadratic time
  const end = prompt.lastIndexOf('>') + 1;
  const withoutTags = prompt.slice(0, end).replace(tagPattern, (_, kind: string, items: string) => {
    tags.push(tagOf(kind, items.split(':')));
    return '';
  });
  return { prompt: withoutTags + prompt.slice(end), tags };
}

function tagOf(kind: string, items: string[]): PromptTag {
  const pairs = items.map((item) => item.split('='));
  return {
    kind,
    items,
    positional: items.filter((_, i) => pairs[i].length !== 2),
    named: Object.fromEntries(pairs.filter((pair) => pair.length === 2) as [string, string][]),
  };
}

import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { type EmphasisMode, isBreak, parseEmphasis } from './emphasis.js';

/** Ends every text. */
const END_TOKEN = 1;

/** One text as T5 reads it. */
export interface T5Text {
  ids: number[];
  /** One weight a token. */
  multipliers: number[];
}

/** Splits text into SentencePiece's unigrams (Kudo 2018), without the end token. */
export type T5Tokenizer = (text: string) => number[];

let loading: Promise<T5Tokenizer> | undefined;

/** The tokenizer of every T5 v1.1, read when it is first wanted. */
export function loadT5Tokenizer(): Promise<T5Tokenizer> {
  loading ??= readFile(new URL('../../assets/tokenizers/t5-tokenizer.json', import.meta.url), 'utf8').then((text) => {
    const tokenizer = new Tokenizer(JSON.parse(text) as object, {});
    return (part) => tokenizer.encode(part, { add_special_tokens: false }).ids;
  });
  return loading;
}

/**
 * A prompt of any length as one row of tokens with their weights. Where A1111's prompts break for CLIP, T5 reads on.
 *
 * @throws EmphasisNotANumber
 */
export function t5Text(text: string, tokenize: T5Tokenizer, emphasis: EmphasisMode = 'Original'): T5Text {
  const pieces = emphasis === 'None' ? [{ text, weight: 1 }] : parseEmphasis(text);
  const ids: number[] = [];
  const multipliers: number[] = [];
  for (const piece of pieces) {
    if (isBreak(piece)) continue;
    for (const id of tokenize(piece.text)) {
      ids.push(id);
      multipliers.push(piece.weight);
    }
  }
  return { ids: [...ids, END_TOKEN], multipliers: [...multipliers, 1] };
}

/** Fills texts up to one length, at least `leastTokens`. */
export function fillT5Texts(texts: readonly T5Text[], fill: number, leastTokens: number): T5Text[] {
  const length = Math.max(leastTokens, ...texts.map(({ ids }) => ids.length));
  return texts.map(({ ids, multipliers }) => {
    const missing = length - ids.length;
    return {
      ids: [...ids, ...new Array<number>(missing).fill(fill)],
      multipliers: [...multipliers, ...new Array<number>(missing).fill(1)],
    };
  });
}

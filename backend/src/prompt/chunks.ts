import { COMMA_TOKEN, type ClipTokenizer, END_TOKEN, START_TOKEN } from './clip-tokenizer.js';
import type { EmbeddingNames, NamedEmbedding } from './embedding-names.js';
import { type EmphasisMode, isBreak, parseEmphasis } from './emphasis.js';

/** How many tokens of a prompt go into one row of the text encoder, between its start and end token. */
export const CHUNK_TOKENS = 75;

/** What stands in a row in place of words. */
const PLACEHOLDER_TOKEN = 0;

/** One row of the text encoder. */
export interface PromptChunk<Embedding extends NamedEmbedding = NamedEmbedding> {
  /** 77 token ids: start, 75 of the prompt (filled up with the end token), end. */
  readonly ids: Int32Array;
  /** 77 weights; 1 for start, end and filling. */
  readonly multipliers: readonly number[];
  /** Embeddings in it, each from token `at` of the 77 on. */
  readonly embeddings: readonly { at: number; embedding: Embedding }[];
}

/** A prompt cut into rows. There is at least one. */
export interface ChunkedPrompt<Embedding extends NamedEmbedding = NamedEmbedding> {
  readonly chunks: readonly PromptChunk<Embedding>[];
  /** Tokens up to the last one of the prompt, the filling of full chunks included. */
  readonly tokenCount: number;
}

export interface ChunkOptions<Embedding extends NamedEmbedding = NamedEmbedding> {
  readonly emphasis?: EmphasisMode;
  /** A comma that lies at most this many tokens before the end of a full chunk ends it early, so that no phrase is cut. 0 turns that off. */
  readonly commaBacktrack?: number;
  /** Words that stand for the tokens of an embedding. */
  readonly embeddings?: EmbeddingNames<Embedding>;
}

/**
 * Cuts a prompt of any length into chunks of 75 tokens, as A1111 does: at BREAK, else after a late comma, else where the
 * chunk is full. Each chunk is encoded by itself and the results are put side by side. The tokens of an embedding stay together.
 *
 * @throws EmphasisNotANumber
 */
export function promptChunks<Embedding extends NamedEmbedding>(
  text: string,
  tokenizer: Pick<ClipTokenizer, 'encode'>,
  { emphasis = 'Original', commaBacktrack = 20, embeddings }: ChunkOptions<Embedding> = {},
): ChunkedPrompt<Embedding> {
  const pieces = emphasis === 'None' ? [{ text, weight: 1 }] : parseEmphasis(text);
  const chunks: PromptChunk<Embedding>[] = [];
  let tokenCount = 0;
  let ids: number[] = [];
  let weights: number[] = [];
  let used: { at: number; embedding: Embedding }[] = [];
  let lastComma = -1;

  const endChunk = () => {
    chunks.push(chunkOf(ids, weights, used));
    ids = [];
    weights = [];
    used = [];
    lastComma = -1;
  };
  const endFullChunk = () => {
    tokenCount += CHUNK_TOKENS;
    endChunk();
  };

  for (const piece of pieces) {
    if (isBreak(piece)) {
      endFullChunk();
      continue;
    }
    const tokens = tokenizer.encode(piece.text);
    for (let place = 0; place < tokens.length;) {
      const id = tokens[place];
      const isFull = ids.length === CHUNK_TOKENS;
      if (id === COMMA_TOKEN) {
        lastComma = ids.length;
      } else if (isFull && lastComma !== -1 && ids.length - lastComma <= commaBacktrack) {
        const movedIds = ids.splice(lastComma + 1);
        const movedWeights = weights.splice(lastComma + 1);
        endFullChunk(); // with its embeddings: as in A1111, those after the comma lose their place
        ids = movedIds;
        weights = movedWeights;
      }
      if (ids.length === CHUNK_TOKENS) endFullChunk();
      const name = embeddings?.at(tokens, place);
      if (!name) {
        ids.push(id);
        weights.push(piece.weight);
        place++;
        continue;
      }
      const { vectors } = name.embedding;
      if (ids.length + vectors > CHUNK_TOKENS) endFullChunk();
      used.push({ at: ids.length + 1, embedding: name.embedding });
      ids.push(...new Array<number>(vectors).fill(PLACEHOLDER_TOKEN));
      weights.push(...new Array<number>(vectors).fill(piece.weight));
      place += name.length;
    }
  }
  if (ids.length > 0 || chunks.length === 0) {
    tokenCount += ids.length;
    endChunk();
  }
  return { chunks, tokenCount };
}

/** The row of a prompt without words. */
export function emptyChunk(): PromptChunk<never> {
  return chunkOf([], [], []);
}

/** Adds empty chunks until all prompts have as many as the longest, as one batch needs. */
export function padToLongest<Embedding extends NamedEmbedding>(prompts: readonly ChunkedPrompt<Embedding>[]): PromptChunk<Embedding>[][] {
  const count = Math.max(...prompts.map(({ chunks }) => chunks.length));
  return prompts.map(({ chunks }) => [...chunks, ...Array.from({ length: count - chunks.length }, emptyChunk)]);
}

/** The row with everything after its first end token replaced: OpenCLIP was trained with 0 there, CLIP-L with the end token itself. */
export function fillAfterEnd(ids: Int32Array, fillId: number): Int32Array {
  const end = ids.indexOf(END_TOKEN);
  return ids.map((id, at) => (at > end ? fillId : id));
}

/** How many tokens fit into the chunks that a prompt of that many tokens has: 75, 150, 225 … */
export function tokenLimit(tokenCount: number): number {
  return Math.ceil(Math.max(tokenCount, 1) / CHUNK_TOKENS) * CHUNK_TOKENS;
}

function chunkOf<Embedding extends NamedEmbedding>(
  ids: readonly number[],
  weights: readonly number[],
  embeddings: PromptChunk<Embedding>['embeddings'],
): PromptChunk<Embedding> {
  const row = new Int32Array(CHUNK_TOKENS + 2).fill(END_TOKEN);
  row[0] = START_TOKEN;
  row.set(ids, 1);
  return { ids: row, multipliers: [1, ...weights, ...new Array<number>(row.length - 1 - weights.length).fill(1)], embeddings };
}

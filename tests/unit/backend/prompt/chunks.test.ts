import { beforeAll, describe, expect, test } from 'vitest';
import { emptyChunk, fillAfterEnd, padToLongest, promptChunks } from '../../../../backend/src/prompt/chunks.js';
import { type ClipTokenizer, loadClipTokenizer } from '../../../../backend/src/prompt/clip-tokenizer.js';
import { EmbeddingNames } from '../../../../backend/src/prompt/embedding-names.js';
import { countTokens } from '../../../../backend/src/prompt/token-count.js';

let tokenizer: ClipTokenizer;
beforeAll(async () => {
  tokenizer = await loadClipTokenizer();
});

const [CAT, COMMA, START, END] = [2368, 267, 49406, 49407];
const cats = (count: number) => 'cat '.repeat(count);
const words = (text: string, options = {}) => {
  const { chunks, tokenCount } = promptChunks(text, tokenizer, options);
  return { counts: chunks.map(({ ids }) => [...ids.subarray(1)].indexOf(END)), tokenCount, chunks };
};

describe('chunks', () => {
  test('a short prompt is one row of 77: start, words, end to the end', () => {
    const { chunks, tokenCount } = promptChunks('a (cat:1.5)', tokenizer);
    expect(chunks).toHaveLength(1);
    expect([...chunks[0].ids]).toEqual([START, 320, CAT, ...new Array(74).fill(END)]);
    expect(chunks[0].multipliers).toEqual([1, 1, 1.5, ...new Array(74).fill(1)]);
    expect(tokenCount).toBe(2);
  });

  test('an empty prompt is the empty row', () => {
    expect(promptChunks('', tokenizer)).toEqual({ chunks: [emptyChunk()], tokenCount: 0 });
  });

  test('75 tokens fill one row, the 76th begins a second', () => {
    expect(words(cats(75)).counts).toEqual([75]);
    expect(words(cats(76)).counts).toEqual([75, 1]);
  });

  test('a phrase that began after one of the last 20 tokens moves to the next row', () => {
    expect(words(`${cats(60)}, ${cats(20)}`).counts).toEqual([61, 20]);
    expect(words(`${cats(40)}, ${cats(50)}`).counts).toEqual([75, 16]);
    expect(words(`${cats(60)}, ${cats(20)}`, { commaBacktrack: 0 }).counts).toEqual([75, 6]);
  });

  test('the moved phrase keeps its weights', () => {
    const { chunks } = promptChunks(`${cats(60)}, (${cats(20)}:1.3)`, tokenizer);
    expect(chunks[0].ids[61]).toBe(COMMA);
    expect(chunks[0].multipliers.every((weight) => weight === 1)).toBe(true);
    expect(chunks[1].multipliers.slice(1, 21)).toEqual(new Array(20).fill(1.3));
  });

  test('BREAK ends a row wherever it is, and its filling counts', () => {
    expect(words('cat BREAK cat')).toMatchObject({ counts: [1, 1], tokenCount: 76 });
    expect(words('cat BREAK')).toMatchObject({ counts: [1], tokenCount: 75 });
  });

  test('with emphasis "None" brackets and BREAK are text', () => {
    expect(words('(cat) BREAK cat', { emphasis: 'None' })).toMatchObject({ counts: [5], tokenCount: 5 });
  });

  test('prompts of a batch get the same number of rows', () => {
    const rows = padToLongest([promptChunks('cat BREAK cat', tokenizer), promptChunks('cat', tokenizer)]);
    expect(rows.map((row) => row.length)).toEqual([2, 2]);
    expect(rows[1][1]).toEqual(emptyChunk());
  });

  test('of the embeddings that begin at a word, the one with the longest name takes its tokens; a longer word is no name', () => {
    const named = [
      { name: 'old cat', vectors: 2 },
      { name: 'Old cat (v2)', vectors: 4 },
    ];
    const embeddings = new EmbeddingNames(named, tokenizer);
    const placesIn = (text: string) =>
      promptChunks(text, tokenizer, { embeddings, emphasis: 'None' }).chunks.map((chunk) =>
        chunk.embeddings.map(({ at, embedding }) => [at, embedding.name]),
      );
    expect(placesIn('OLD CAT, old cat (v2)')).toEqual([
      [
        [1, 'old cat'],
        [4, 'Old cat (v2)'],
      ],
    ]);
    expect(placesIn('old cats')).toEqual([[]]);
  });

  test('OpenCLIP rows are filled with 0 after the first end token', () => {
    const [{ ids }] = promptChunks('cat', tokenizer).chunks;
    expect([...fillAfterEnd(ids, 0)]).toEqual([START, CAT, END, ...new Array(74).fill(0)]);
  });

  test('the counter leaves tags out and says how many fit', () => {
    expect(countTokens('cat <lora:detail:1>', tokenizer)).toEqual({ count: 1, limit: 75 });
    expect(countTokens('', tokenizer)).toEqual({ count: 0, limit: 75 });
    expect(countTokens(cats(76), tokenizer)).toEqual({ count: 76, limit: 150 });
  });

  test('a hundred thousand characters are cut in time', () => {
    const started = performance.now();
    expect(promptChunks(cats(25_000), tokenizer).tokenCount).toBe(25_000);
    promptChunks(','.repeat(100_000), tokenizer);
    promptChunks(', '.repeat(50_000), tokenizer);
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

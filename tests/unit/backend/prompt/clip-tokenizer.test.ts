import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { mergePairs, pairKey } from '../../../../backend/src/prompt/byte-pairs.js';
import { type ClipTokenizer, loadClipTokenizer } from '../../../../backend/src/prompt/clip-tokenizer.js';

let tokenizer: ClipTokenizer;
beforeAll(async () => {
  tokenizer = await loadClipTokenizer();
});

test('the earliest learned pair is merged first, and of equal ones the leftmost', () => {
  const [a, b] = [1, 2];
  const merges = new Map([
    [pairKey(a, a), 10],
    [pairKey(b, a), 11],
    [pairKey(10, 10), 12],
  ]);
  expect(mergePairs([a, a, a], merges)).toEqual([10, a]);
  expect(mergePairs([b, a, a], merges)).toEqual([b, 10]);
  expect(mergePairs([a, a, a, a, b], merges)).toEqual([12, b]);
  expect(mergePairs([], merges)).toEqual([]);
});

test('merging in the order of learning gives what merging pass by pass gives', () => {
  const merges = new Map<number, number>();
  for (let id = 4; id < 24; id++) merges.set(pairKey((id * 7) % id, (id * 5 + 3) % id), id);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 }), (word) => {
      expect(mergePairs(word, merges)).toEqual(mergePassByPass(word, merges));
    }),
  );
});

/** The textbook's way: find the best pair, merge it everywhere, begin again. */
function mergePassByPass(word: number[], merges: ReadonlyMap<number, number>): number[] {
  for (;;) {
    const known = word.slice(1).map((right, i) => merges.get(pairKey(word[i], right)) ?? Number.POSITIVE_INFINITY);
    const best = Math.min(Number.POSITIVE_INFINITY, ...known);
    if (best === Number.POSITIVE_INFINITY) return word;
    const merged: number[] = [];
    for (let i = 0; i < word.length; i++) merged.push(known[i] === best ? (i++, best) : word[i]);
    word = merged;
  }
}

describe('CLIP tokens', () => {
  test('known ids', () => {
    expect(tokenizer.encode('a photo of a cat')).toEqual([320, 1125, 539, 320, 2368]);
    expect(tokenizer.encode('')).toEqual([]);
  });

  test('case, extra white space and curly quotes make no difference', () => {
    expect(tokenizer.encode('  It’s\n\tA   CAT ')).toEqual(tokenizer.encode("it's a cat"));
  });

  test('special tokens written out become those tokens, in any case', () => {
    expect(tokenizer.encode('a<|endoftext|>b <|STARTOFTEXT|>')).toEqual([...tokenizer.encode('a'), 49407, ...tokenizer.encode('b'), 49406]);
  });

  test('decoding brings back the words in lower case', () => {
    expect(tokenizer.decode(tokenizer.encode('Café 猫 👩‍🚀, Masterpiece'))).toBe('café 猫 👩‍🚀, masterpiece');
  });

  test('any text has ids in range, and encoding it twice gives the same', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
        ),
        (text) => {
          const ids = tokenizer.encode(text);
          expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id <= 49407)).toBe(true);
          expect(tokenizer.encode(text)).toEqual(ids);
        },
      ),
    );
  });

  test('a hundred thousand characters of one word, of lone surrogates or of emoji takes no quadratic time', () => {
    const started = performance.now();
    for (const unit of ['a', 'abcdefghijklmnopqrstuvwxyz', '\ud800', '😀', '!', '猫'])
      tokenizer.encode(unit.repeat(Math.ceil(100_000 / unit.length)));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

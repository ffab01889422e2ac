import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fillT5Texts, loadT5Tokenizer, t5Text } from '../../../../backend/src/prompt/t5-tokenizer.js';

const { records } = JSON.parse(readFileSync(new URL('./t5-expected.json', import.meta.url), 'utf8')) as {
  records: { text: string; ids: number[] }[];
};
const tokenize = await loadT5Tokenizer();

test.each(records)('$text', ({ text, ids }) => {
  expect(t5Text(text, tokenize, 'None').ids).toEqual(ids);
});

test('a weight is that of every token of its words; the end and what fills up have none', () => {
  const { ids, multipliers } = t5Text('a (photo:1.5)', tokenize);
  const [filled] = fillT5Texts([{ ids, multipliers }], 0, ids.length + 1);
  expect(filled.ids).toEqual([...ids, 0]);
  expect(ids.at(-1)).toBe(1);
  expect(filled.multipliers.slice(-2)).toEqual([1, 1]);
  expect(new Set(multipliers)).toEqual(new Set([1, 1.5]));
});

test('texts of one batch are filled up to the longest', () => {
  const filled = fillT5Texts([t5Text('a', tokenize), t5Text('a photo of a cat', tokenize)], 0, 2);
  expect(filled.map(({ ids }) => ids.length)).toEqual([8, 8]);
});

import { expect, test } from 'vitest';
import { changeWeight } from '../../../../sdk/src/ui/controls/prompt-weight.js';

const select = (text: string, words: string) => ({ text, start: text.indexOf(words), end: text.indexOf(words) + words.length });

test('a selection gets weight in A1111’s notation and stays selected', () => {
  const more = changeWeight(select('a cat in the rain', 'cat'), 0.1);
  expect(more.text).toBe('a (cat:1.1) in the rain');
  expect(more.text.slice(more.start, more.end)).toBe('cat');
});

test('more weight on a weighted selection changes its number, and back at 1 the brackets go', () => {
  const twice = changeWeight(changeWeight(select('a cat', 'cat'), 0.1), 0.1);
  expect(twice.text).toBe('a (cat:1.2)');
  expect(changeWeight(changeWeight(twice, -0.1), -0.1).text).toBe('a cat');
});

test('without a selection the words between the commas around the caret are meant', () => {
  expect(changeWeight({ text: 'a boat, pink sea, stars', start: 10, end: 10 }, 0.1).text).toBe('a boat, (pink sea:1.1), stars');
});

test('with the caret in a weighted part its weight changes', () => {
  expect(changeWeight({ text: 'a (cat:1.1)', start: 4, end: 4 }, 0.1).text).toBe('a (cat:1.2)');
});

test('nothing under the caret leaves the prompt alone', () => {
  expect(changeWeight({ text: 'a, , b', start: 3, end: 3 }, 0.1).text).toBe('a, , b');
});

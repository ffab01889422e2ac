import { tensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { applyEmphasis } from '../../../../backend/src/prompt/apply-emphasis.js';

const encoded = tensor([1, 2, 2], Float32Array.of(1, 2, 3, 4));

test('"No norm" multiplies each token', () => {
  expect([...applyEmphasis(encoded, [[1, 2]], 'No norm').data]).toEqual([1, 2, 6, 8]);
});

test('"Original" multiplies and keeps the mean of the whole tensor', () => {
  const { data } = applyEmphasis(encoded, [[1, 2]]);
  expect(data[0] + data[1] + data[2] + data[3]).toBeCloseTo(10, 5);
  expect(data[2] / data[0]).toBeCloseTo(6, 5);
});

test('"Ignore", "None" and weights of 1 leave the encoding as it is', () => {
  expect(applyEmphasis(encoded, [[1, 2]], 'Ignore')).toBe(encoded);
  expect(applyEmphasis(encoded, [[1, 2]], 'None')).toBe(encoded);
  expect(applyEmphasis(encoded, [[1, 1]])).toBe(encoded);
});

test('weights for another number of tokens are refused', () => {
  expect(() => applyEmphasis(encoded, [[1, 2, 3]])).toThrow('2 weights');
});

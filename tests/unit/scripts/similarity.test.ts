import { expect, test } from 'vitest';
import { differenceOf, structuralSimilarity } from '../../../scripts/measure/similarity.mjs';

function picture(valueAt: (i: number) => number) {
  const [width, height] = [32, 24];
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, (_, i) => valueAt(i)) };
}
const waves = picture((i) => 128 + 60 * Math.sin(i / 7));

test('a picture is like itself by 1, and like its negative by less than nothing', () => {
  expect(structuralSimilarity(waves, waves)).toBeCloseTo(1, 10);
  expect(
    structuralSimilarity(
      waves,
      picture((i) => 255 - waves.data[i]),
    ),
  ).toBeLessThan(0);
});

test('of two plain pictures, similarity is that of their brightness: (2ab + c) / (a² + b² + c)', () => {
  const c = (0.01 * 255) ** 2;
  const expected = (2 * 100 * 150 + c) / (100 ** 2 + 150 ** 2 + c);
  expect(
    structuralSimilarity(
      picture(() => 100),
      picture(() => 150),
    ),
  ).toBeCloseTo(expected, 10);
});

test('differences are of single values: the largest, and the mean of all', () => {
  const other = picture((i) => (i === 5 ? waves.data[5] + 36 : waves.data[i]));
  expect(differenceOf(waves, other)).toEqual({ largest: 36, mean: 36 / waves.data.length });
});

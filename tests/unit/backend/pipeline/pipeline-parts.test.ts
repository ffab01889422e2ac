import { expect, test } from 'vitest';
import { JobControl, Interrupted } from '../../../../backend/src/pipeline/job-control.js';
import { seededRandom } from '../../../../backend/src/pipeline/seeded-random.js';
import { toImages } from '../../../../backend/src/pipeline/to-images.js';

test('the same seed draws the same chance, another seed another', () => {
  const draw = (seed: number): number[] => Array.from({ length: 4 }, seededRandom(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(draw(2 ** 40)).not.toEqual(draw(0));
});

test('chance is even over [0, 1)', () => {
  const random = seededRandom(1);
  const drawn = Array.from({ length: 20_000 }, random);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1);
  expect(drawn.reduce((sum, value) => sum + value, 0) / drawn.length).toBeCloseTo(0.5, 1);
});

test('decoded values become the nearest bytes, and never wrap around', () => {
  const data = Float32Array.of(-1, 1, 5, -5, 0, 0.999, -1, 1, 0, 0, 0, 0);
  const [first] = toImages({ shape: [1, 3, 2, 2], data });
  expect(first.data[0]).toBe(0); // −1
  expect(first.data[3]).toBe(255); // 1
  expect(first.data[6]).toBe(255); // 5
  expect(first.data[9]).toBe(0); // −5
  expect(first.data[4]).toBe(255); // 0.999 is 254.87
});

test('a stronger wish replaces a weaker one, never the other way round', () => {
  const control = new JobControl();
  control.request('skip');
  control.request('cancel');
  control.request('keep');
  expect(control.asked).toBe('cancel');
  expect(() => control.yieldPoint()).toThrow(Interrupted);
});

test('a skip ends with its batch', () => {
  const control = new JobControl();
  control.request('skip');
  control.beginBatch();
  expect(control.asked).toBe('none');
  control.yieldPoint();
});

import { loadExtension } from '@atelier/backend/testing';
import { gaussianWorld } from '@atelier/sdk/testing';
import { expect, test } from 'vitest';

const { model } = gaussianWorld({ mean: 0.5, spread: 0.7 });

test('levels fall from the model’s highest to its lowest, then to 0', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  const [smooth] = extension.schedulers;
  for (const stepCount of [2, 20, 60]) {
    const levels = smooth.levels(model, stepCount);
    expect(levels).toHaveLength(stepCount + 1);
    expect(levels.every((level, index) => index === 0 || level < levels[index - 1])).toBe(true);
    expect(levels[0]).toBeCloseTo(model.sigmaMax, 10);
    expect(levels.at(-2)).toBeCloseTo(model.sigmaMin, 10);
  }
});

test('without smoothness every step divides the noise by the same factor', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  const [smooth] = extension.schedulers;
  const levels = smooth.levels(model, 6, { smoothness: 0 });
  expect(levels[1] / levels[0]).toBeCloseTo(levels[5] / levels[4], 10);
});

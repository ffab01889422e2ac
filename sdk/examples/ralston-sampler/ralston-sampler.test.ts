import { loadExtension } from '@atelier/backend/testing';
import { gaussianWorld } from '@atelier/sdk/testing';
import { expect, test } from 'vitest';

test('ralston is second order: half the step, a quarter of the error', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  const [ralston] = extension.samplers;
  const world = gaussianWorld({ mean: 0.5, spread: 0.7 }); // its denoiser and its answer are known exactly
  const error = (steps: number) => world.error(ralston, { steps });
  expect((await error(20)) / (await error(40))).toBeGreaterThan(3.5);
});

test('its option has a range, and a value outside is refused', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  const [ralston] = extension.samplers;
  expect(ralston.options.parse({})).toEqual({ at: 2 / 3 });
  expect(ralston.options.safeParse({ at: 1.5 }).error?.issues[0].path).toEqual(['at']);
});

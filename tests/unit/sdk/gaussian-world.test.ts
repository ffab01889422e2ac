import { addScaled, defineSampler, derivative, pairs, tensor } from '@atelier/sdk';
import { gaussianWorld } from '@atelier/sdk/testing';
import { expect, test } from 'vitest';
import example from '../../../sdk/examples/ralston-sampler/index.js';

const world = gaussianWorld({ mean: 0.5, spread: 0.7 });

test('the exact path is the one that follows the slope in very small steps', async () => {
  let x = tensor([1], Float64Array.of(7));
  const levels = Array.from({ length: 20_001 }, (_, index) => 10 * (1 - index / 20_000));
  for (const [sigma, next] of pairs(levels)) {
    x = addScaled(x, derivative(x, (await world.denoise(x, sigma)).denoised, sigma), next - sigma);
  }
  expect(x.data[0]).toBeCloseTo(world.exact(tensor([1], Float64Array.of(7)), 10, 0).data[0], 3);
});

test('without noise the clean latent is its own best guess, in much noise it is the mean', async () => {
  const x = tensor([2], Float64Array.of(-3, 4));
  expect([...(await world.denoise(x, 0)).denoised.data]).toEqual([-3, 4]);
  for (const guess of (await world.denoise(x, 1e6)).denoised.data) expect(guess).toBeCloseTo(0.5, 6);
});

test('timesteps and levels are each other’s inverse at whole timesteps', () => {
  for (const timestep of [0, 1, 500, 999]) expect(world.model.timestepOf(world.model.sigmaOf(timestep))).toBeCloseTo(timestep, 9);
});

test('a sampler of an extension shows its order: half the step, a quarter of the error', async () => {
  const [ralston] = example.samplers!;
  const errors = await Promise.all([20, 40, 80].map((steps) => world.error(ralston, { steps })));
  expect(errors[0] / errors[1]).toBeGreaterThan(3.5);
  expect(errors[1] / errors[2]).toBeGreaterThan(3.5);
});

test('a sampler that draws noise is told that its order cannot be measured so', async () => {
  const noisy = defineSampler({
    id: 'noisy',
    label: 'Noisy',
    drawsNoise: true,
    async *steps({ noise, x, sigmas }) {
      yield { x: noise(sigmas[0], sigmas[1]), denoised: x, sigma: sigmas[0] };
    },
  });
  await expect(world.error(noisy, { steps: 2 })).rejects.toThrow('without noise');
});

import { tensor, type Guidance, type ModelCall } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { guided } from '../../../../backend/src/diffusion/guidance.js';
import { scaledLinearLevels, tableSampling } from '../../../../backend/src/diffusion/sigma-table.js';

const model = tableSampling(scaledLinearLevels(), 'eps');
const x = tensor([1, 1, 1, 2], Float32Array.of(3, -6));

interface Asked {
  rows: number;
  tokens: number;
  timestep: number;
}

/** A model whose answer is, for each row, the first number of its conditioning. */
function echo(asked: Asked[]): ModelCall {
  return async (input, timestep, condition) => {
    const { shape, data } = condition.context;
    const [rows, tokens] = shape;
    asked.push({ rows, tokens, timestep });
    const width = input.data.length / rows;
    return tensor(
      input.shape,
      input.data.map((_, index) => data[Math.floor(index / width) * (data.length / rows)]),
    );
  };
}

const words = (value: number, tokens: number) => ({ context: tensor([1, tokens, 1], new Float32Array(tokens).fill(value)) });

test('both branches travel in one call where their texts have one length', async () => {
  const asked: Asked[] = [];
  const denoise = guided({ model, call: echo(asked), conditioning: { cond: words(0.5, 77), uncond: words(0.25, 77) }, scale: 3 });
  const { denoised, uncond } = await denoise(x, 2);
  expect(asked).toEqual([{ rows: 2, tokens: 77, timestep: model.timestepOf(2) }]);
  expect([...uncond.data]).toEqual([3 - 2 * 0.25, -6 - 2 * 0.25]);
  expect([...denoised.data]).toEqual([3 - 2 * 1, -6 - 2 * 1]); // 0.25 + 3 · (0.5 − 0.25) = 1
});

test('where memory is short each branch travels alone, with the same result', async () => {
  const asked: Asked[] = [];
  const conditioning = { cond: words(0.5, 77), uncond: words(0.25, 77) };
  const { denoised } = await guided({ model, call: echo(asked), conditioning, scale: 3, together: false })(x, 2);
  expect(asked.map(({ rows }) => rows)).toEqual([1, 1]);
  expect([...denoised.data]).toEqual([1, -8]);
});

test('texts of two lengths are asked one after the other, with the same result', async () => {
  const asked: Asked[] = [];
  const denoise = guided({ model, call: echo(asked), conditioning: { cond: words(0.5, 154), uncond: words(0.25, 77) }, scale: 3 });
  const { denoised } = await denoise(x, 2);
  expect(asked.map(({ tokens }) => tokens)).toEqual([154, 77]);
  expect([...denoised.data]).toEqual([1, -8]);
});

test('at scale 1 the unconditional branch is not asked', async () => {
  const asked: Asked[] = [];
  const denoise = guided({ model, call: echo(asked), conditioning: { cond: words(0.5, 77), uncond: words(0.25, 77) }, scale: 1 });
  const { denoised, uncond } = await denoise(x, 2);
  expect(asked).toHaveLength(1);
  expect(uncond).toBe(denoised);
});

test('another way to combine both branches sees clean latents, the scale and the level', async () => {
  const seen: unknown[] = [];
  const combine: Guidance = (cond, uncond, scale, sigma) => {
    seen.push([...cond.data], [...uncond.data], scale, sigma);
    return uncond;
  };
  const denoise = guided({ model, call: echo([]), conditioning: { cond: words(0.5, 77), uncond: words(0.25, 77) }, scale: 3, combine });
  expect([...(await denoise(x, 2)).denoised.data]).toEqual([2.5, -6.5]);
  expect(seen).toEqual([[2, -7], [2.5, -6.5], 3, 2]);
});

test('the network sees the latent with unit variance', async () => {
  let seen: number[] = [];
  const call: ModelCall = async (input) => {
    seen = [...input.data];
    return input;
  };
  await guided({ model, call, conditioning: { cond: words(0, 77) }, scale: 1 })(tensor([1, 1, 1, 1], Float64Array.of(10)), Math.sqrt(99));
  expect(seen[0]).toBeCloseTo(1, 12);
});

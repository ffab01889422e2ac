import { tensor, type LatentSpace, type Tensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { PictureCoder } from '../../../../backend/src/library/picture-coder.js';
import type { Vae } from '../../../../backend/src/model-families/vae/vae.js';

const space: LatentSpace = { channels: 2, downscale: 1, scale: 0.5, shift: 3, preview: { factors: [], bias: [0, 0, 0] } };
const latents = tensor(
  [2, 2, 1, 3],
  Float32Array.from({ length: 12 }, (_, i) => i),
);

/** A VAE that gives back what it is given, and what it was given. */
function mirror(scale: Vae['scale']): { coder: PictureCoder; given: Tensor[] } {
  const given: Tensor[] = [];
  const half = { weights: { file: '', tensors: new Map() }, graph: () => expect.unreachable() };
  const coder = new PictureCoder({ channels: 2, scale, encoder: half, decoder: half }, space, (_, { value }) => {
    given.push(value);
    return Promise.resolve(value);
  });
  return { coder, given };
}

test("a VAE gets the latents in its own scale and answers in it; a tiny autoencoder speaks the model's", async () => {
  const full = mirror('own');
  const decoded = await full.coder.decode(latents);
  expect([...decoded.data]).toEqual(Array.from(latents.data, (value) => value / 0.5 + 3));
  expect(await full.coder.encode(decoded)).toEqual(latents);

  const tiny = mirror('model');
  expect(await tiny.coder.decode(latents)).toEqual(latents);
  expect(await tiny.coder.encode(latents)).toEqual(latents);
});

test('pictures of a batch are computed one after another', async () => {
  const { coder, given } = mirror('model');
  await coder.decode(latents);
  expect(given.map(({ shape }) => shape[0])).toEqual([1, 1]);
});

test('what is thrown at a yield point ends the work before the next tile', async () => {
  const { coder, given } = mirror('model');
  const yieldPoint = () => {
    if (given.length === 1) throw new Error('enough');
  };
  await expect(coder.decode(latents, { tiling: { height: 1, width: 2, overlap: 1 }, yieldPoint })).rejects.toThrow('enough');
  expect(given.map(({ shape }) => shape)).toEqual([[1, 2, 1, 2]]);
});

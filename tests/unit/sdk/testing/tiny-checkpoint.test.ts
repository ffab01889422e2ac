import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterAll, expect, test } from 'vitest';
import { readModelFile } from '../../../../backend/src/checkpoints/model-file.js';
import { readTensor } from '../../../../backend/src/checkpoints/read-tensor.js';
import { floats, openGraph, tokenRows } from '../../../support/open-graph.js';
import { sd15Graphs } from '../../../support/sd15-graphs.js';

const folder = mkdtempSync(path.join(tmpdir(), 'tiny-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true }));

const spread = (data: ArrayLike<number>) => Math.sqrt(Array.from(data).reduce((sum, value) => sum + value * value, 0) / data.length);

test('a tiny checkpoint is a whole Stable Diffusion 1 below 10 MB that computes finite numbers of ordinary size', async () => {
  const file = tinyCheckpoint('sd15', { folder });
  expect(statSync(file).size).toBeLessThan(10_000_000);
  const graphs = sd15Graphs(await readModelFile(file));

  const { hidden } = await (await openGraph(graphs.textEncoder))({ tokens: tokenRows([Array.from({ length: 77 }, (_, i) => 49406 - i)]) });
  const wave = Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i * 1.7) * Math.SQRT2);
  const x = floats([1, 4, 8, 8], wave);
  const { prediction } = await (await openGraph(graphs.unet))({ x, timesteps: floats([1], [500]), context: hidden });
  const { image } = await (await openGraph(graphs.vaeDecoder))({ latent: x });
  const { mean } = await (await openGraph(graphs.vaeEncoder))({ image });

  expect(image.shape).toEqual([1, 3, 64, 64]);
  expect(mean.shape).toEqual([1, 4, 8, 8]);
  for (const { data } of [hidden, prediction, image, mean]) {
    expect(spread(data as Float32Array)).toBeGreaterThan(0.1);
    expect(spread(data as Float32Array)).toBeLessThan(3);
  }
});

test('one seed is one model, another seed another', async () => {
  const weights = async (name: string, seed: number) => {
    const { tensors } = await readModelFile(tinyCheckpoint('sd15', { folder, name, seed }));
    return (await readTensor(tensors.get('model.diffusion_model.out.2.weight')!)).data;
  };
  const first = await weights('first', 7);
  expect(await weights('same', 7)).toEqual(first);
  expect(await weights('other', 8)).not.toEqual(first);
});

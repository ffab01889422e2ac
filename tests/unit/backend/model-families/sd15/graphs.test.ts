import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterAll, expect, test } from 'vitest';
import { readCheckpoint, type Checkpoint } from '../../../../../backend/src/checkpoints/safetensors-header.js';
import { familyOf } from '../../../../../backend/src/model-families/families.js';
import { clipConfig, unetConfig, vaeConfig } from '../../../../../backend/src/model-families/sd15/config.js';
import { floats, openGraph, tokenRows } from '../../../../support/open-graph.js';

const folder = mkdtempSync(path.join(tmpdir(), 'sd15-'));
afterAll(() => rmSync(folder, { recursive: true }));

const checkpoint = await readCheckpoint(tinyCheckpoint('sd15', { folder }));
const graphs = familyOf(checkpoint).graphs(checkpoint, { clipSkip: 1 });
const unet = await openGraph(graphs.unet);

const wave = (shape: number[], phase = 0) =>
  floats(
    shape,
    Array.from({ length: shape.reduce((size, side) => size * side, 1) }, (_, i) => Math.sin(i * 1.3 + phase)),
  );
const values = ({ data }: DeviceTensor) => Array.from(data as Float32Array);
const near = (tensor: DeviceTensor) => values(tensor).map((value) => expect.closeTo(value, 4) as number);

/** The same file, seen without some of its tensors or with some under other names. */
const renamed = (nameOf: (name: string) => string | undefined): Checkpoint => ({
  ...checkpoint,
  tensors: new Map(
    [...checkpoint.tensors.values()].flatMap((tensor) => {
      const name = nameOf(tensor.name);
      return name === undefined ? [] : [[name, { ...tensor, name }] as const];
    }),
  ),
});

test('sizes are read from names and shapes', () => {
  expect(unetConfig(checkpoint)).toMatchObject({
    inChannels: 4,
    modelChannels: 32,
    channelMult: [1, 2],
    resBlocks: [1, 1],
    depths: [0, 1],
    outputDepths: [1, 1, 0, 0],
    middleDepth: 1,
    contextWidth: 64,
    heads: 8,
  });
  expect(clipConfig(checkpoint)).toMatchObject({ layers: 2, width: 64, heads: 1 });
  expect(vaeConfig(checkpoint)).toMatchObject({ levels: 4, encoderBlocks: 1, decoderBlocks: 2 });
});

test('one session takes every size and batch, odd sides included', async () => {
  for (const [batch, height, width] of [
    [1, 8, 8],
    [1, 9, 13],
    [2, 7, 16],
  ]) {
    const inputs = {
      x: wave([batch, 4, height, width]),
      timesteps: floats([batch], Array<number>(batch).fill(7.5)),
      context: wave([batch, 77, 64]),
    };
    expect((await unet(inputs)).prediction.shape).toEqual([batch, 4, height, width]);
  }
});

test('the rows of a batch do not see each other', async () => {
  const alone = await Promise.all(
    [0, 2].map((phase) =>
      unet({ x: wave([1, 4, 8, 8], phase), timesteps: floats([1], [100 * (phase + 1)]), context: wave([1, 77, 64], phase) }),
    ),
  );
  const both = (shape: number[]) =>
    floats(
      [2, ...shape],
      [0, 2].flatMap((phase) => values(wave([1, ...shape], phase))),
    );
  const together = await unet({ x: both([4, 8, 8]), timesteps: floats([2], [100, 300]), context: both([77, 64]) });
  expect(values(together.prediction)).toEqual(alone.flatMap(({ prediction }) => near(prediction)));
});

test('the prediction depends on the time and on the text', async () => {
  const inputs = { x: wave([1, 4, 8, 8]), timesteps: floats([1], [500]), context: wave([1, 77, 64]) };
  const { prediction } = await unet(inputs);
  for (const change of [{ timesteps: floats([1], [600]) }, { context: wave([1, 77, 64], 1) }]) {
    const other = values((await unet({ ...inputs, ...change })).prediction);
    expect(Math.max(...other.map((value, i) => Math.abs(value - values(prediction)[i])))).toBeGreaterThan(0.001);
  }
});

test('text of several chunks is one longer context', async () => {
  const { prediction } = await unet({ x: wave([1, 4, 8, 8]), timesteps: floats([1], [500]), context: wave([1, 154, 64]) });
  expect(prediction.shape).toEqual([1, 4, 8, 8]);
});

test('a token of the text does not see those after it', async () => {
  const encode = await openGraph(graphs.textEncoder);
  const ids = Array.from({ length: 77 }, (_, i) => 100 + i);
  const changed = ids.with(40, 5);
  const [a, b] = [(await encode({ tokens: tokenRows([ids]) })).hidden, (await encode({ tokens: tokenRows([changed]) })).hidden];
  expect(values(b).slice(0, 40 * 64)).toEqual(near(a).slice(0, 40 * 64));
  expect(values(b).slice(40 * 64, 41 * 64)).not.toEqual(near(a).slice(40 * 64, 41 * 64));
});

test('text encoders without the "text_model." level are the same encoder', async () => {
  const short = renamed((name) => name.replace('.text_model.', '.'));
  const tokens = tokenRows([Array.from({ length: 77 }, (_, i) => 300 + i)]);
  const hidden = await Promise.all(
    [checkpoint, short].map(async (each) => (await openGraph(familyOf(each).graphs(each, { clipSkip: 2 }).textEncoder))({ tokens })),
  );
  expect(values(hidden[1].hidden)).toEqual(values(hidden[0].hidden));
});

test('a checkpoint without one of its parts names what is missing', () => {
  for (const [part, missing] of [
    ['first_stage_model.', 'first_stage_model.decoder.conv_in.weight'],
    ['cond_stage_model.', 'embeddings.token_embedding.weight'],
    ['model.diffusion_model.out.2.', 'model.diffusion_model.out.2.weight'],
  ]) {
    const incomplete = renamed((name) => (name.startsWith(part) ? undefined : name));
    expect(() => familyOf(incomplete).graphs(incomplete, { clipSkip: 1 })).toThrow(missing);
  }
});

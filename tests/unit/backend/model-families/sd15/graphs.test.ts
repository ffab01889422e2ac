import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterAll, expect, test } from 'vitest';
import { componentsOf } from '../../../../../backend/src/checkpoints/components.js';
import { readModelFile, type ModelFile } from '../../../../../backend/src/checkpoints/model-file.js';
import { clipConfig } from '../../../../../backend/src/model-families/text-encoders/clip.js';
import { unetConfig } from '../../../../../backend/src/model-families/unet/config.js';
import { autoencoderConfig } from '../../../../../backend/src/model-families/vae/autoencoder.js';
import { floats, openGraph, tokenRows } from '../../../../support/open-graph.js';
import { sd15Graphs } from '../../../../support/sd15-graphs.js';

const folder = mkdtempSync(path.join(tmpdir(), 'sd15-'));
afterAll(() => rmSync(folder, { recursive: true }));

const checkpoint = await readModelFile(tinyCheckpoint('sd15', { folder }));
const graphs = sd15Graphs(checkpoint);
const { model, textEncoders, vae } = checkpoint.components;
const unet = await openGraph(graphs.unet);

const wave = (shape: number[], phase = 0) =>
  floats(
    shape,
    Array.from({ length: shape.reduce((size, side) => size * side, 1) }, (_, i) => Math.sin(i * 1.3 + phase)),
  );
const values = ({ data }: DeviceTensor) => Array.from(data as Float32Array);
const near = (tensor: DeviceTensor) => values(tensor).map((value) => expect.closeTo(value, 4) as number);

/** The same file, seen without some of its tensors or with some under other names. */
function renamed(nameOf: (name: string) => string | undefined): ModelFile {
  const tensors = new Map(
    [...checkpoint.tensors.values()].flatMap((tensor) => {
      const name = nameOf(tensor.name);
      return name === undefined ? [] : [[name, { ...tensor, name }] as const];
    }),
  );
  return { ...checkpoint, tensors, components: componentsOf({ ...checkpoint, tensors }) };
}

test('sizes are read from names and shapes', () => {
  expect(unetConfig(model!)).toMatchObject({
    inChannels: 4,
    modelChannels: 32,
    channelMult: [1, 2],
    resBlocks: [1, 1],
    depths: [0, 1],
    outputDepths: [1, 1, 0, 0],
    middleDepth: 1,
    contextWidth: 64,
    attention: { heads: 8 },
  });
  expect(clipConfig(textEncoders.get('clip-l')!, 'clip-l')).toMatchObject({ layers: 2, width: 64, heads: 1 });
  expect(autoencoderConfig(vae!)).toMatchObject({ levels: 4, encoderBlocks: 1, decoderBlocks: 2 });
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
    [checkpoint, short].map(async (each) => (await openGraph(sd15Graphs(each, { clipSkip: 2 }).textEncoder))({ tokens })),
  );
  expect(values(hidden[1].hidden)).toEqual(values(hidden[0].hidden));
});

test('a network without one of its tensors names the one that is missing', () => {
  for (const missing of ['out.2.weight', 'middle_block.0.emb_layers.1.weight']) {
    const incomplete = renamed((name) => (name.endsWith(missing) && name.startsWith('model.diffusion_model.') ? undefined : name));
    expect(() => sd15Graphs(incomplete)).toThrow(missing);
  }
});

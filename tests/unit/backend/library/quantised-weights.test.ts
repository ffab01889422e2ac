import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Component, WeightRows } from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterAll, expect, test } from 'vitest';
import { readModelFile } from '../../../../backend/src/checkpoints/model-file.js';
import { readCheckpoint } from '../../../../backend/src/checkpoints/safetensors-header.js';
import { stacked } from '../../../../backend/src/checkpoints/layouts/layout.js';
import {
  inEightBits,
  NothingToQuantise,
  quantisedLayers,
  withQuantised,
  writeQuantised,
} from '../../../../backend/src/library/quantised-weights.js';
import { WeightCache } from '../../../../backend/src/library/weight-cache.js';
import { Layer } from '../../../../backend/src/model-families/blocks/layer.js';
import { families, recognise } from '../../../../backend/src/model-families/families.js';
import { GraphBuilder, type Value } from '../../../../backend/src/onnx/graph-builder.js';
import { floats, openGraph } from '../../../support/open-graph.js';
import { float32s, writeSafetensors, type TensorToWrite } from '../../../support/safetensors-file.js';

const home = mkdtempSync(path.join(tmpdir(), 'quantised-'));
afterAll(() => rmSync(home, { recursive: true }));
let files = 0;
const newFile = () => path.join(home, `${files++}.safetensors`);

/** Whole numbers −127 … 127, both of which each output has: they are their own 8 bits. */
function wholeWeights(shape: readonly number[]): TensorToWrite {
  const inputs = shape.slice(1).reduce((product, side) => product * side, 1);
  const values = Array.from({ length: shape[0] * inputs }, (_, i) => (i % inputs === 0 ? 127 : ((i * 89) % 255) - 127));
  return float32s(shape, values);
}

/** Whole numbers 0 … 255, both of which are there: they are their own 8 bits too. */
function wholeInputs(shape: readonly number[]): DeviceTensor {
  const count = shape.reduce((product, side) => product * side, 1);
  return floats(
    shape,
    Array.from({ length: count }, (_, i) => (i === 0 ? 255 : (i * 31) % 255)),
  );
}

/** The answers of one layer, as it is stored and in 8 bits. */
async function bothAnswers(model: Component, layer: (layer: Layer, x: Value) => Value, x: DeviceTensor): Promise<Float32Array[]> {
  const asked: WeightRows[] = [];
  const write = (component: Component) => {
    const graph = new GraphBuilder('test');
    const sides = x.shape.map((_, axis) => `side${axis}`);
    graph.output('y', layer(new Layer(graph, component).at('layer'), graph.input('x', 'float32', sides)), sides);
    return graph.finish();
  };
  write({ ...model, quantised: (rows) => void asked.push(rows) });
  const file = newFile();
  await writeQuantised(file, asked);
  const graphs = [write(model), write(await withQuantised(model, asked, file))];
  return await Promise.all(graphs.map(async (graph) => (await (await openGraph(graph))({ x })).y.data as Float32Array));
}

test.each([
  ['3×3', 3, {}],
  ['3×3, of every second place', 3, { stride: 2 }],
  ['3×3, padded at two sides only', 3, { stride: 2, pads: [0, 0, 1, 1] }],
  ['1×1', 1, {}],
  ['1×1 without a bias', 1, { hasBias: false }],
])('a convolution %s in 8 bits is that of the numbers it was rounded to', async (_, kernel, options) => {
  const model = await readCheckpoint(
    writeSafetensors(newFile(), { 'layer.weight': wholeWeights([5, 3, kernel, kernel]), 'layer.bias': float32s([5], [1, 2, 3, 4, 5.5]) }),
  );
  const [exact, inEight] = await bothAnswers(model, (layer, x) => layer.conv(x, options), wholeInputs([2, 3, 5, 6]));
  expect(inEight).toEqual(exact);
});

test('a linear layer in 8 bits is that of the numbers it was rounded to, also by rows that lie apart and have factors', async () => {
  const { file, tensors } = await readCheckpoint(
    writeSafetensors(newFile(), {
      upper: wholeWeights([3, 8]),
      lower: wholeWeights([4, 8]),
      factor: float32s([], [0.5]),
      upperBias: float32s([3], [1, 2, 3]),
      lowerBias: float32s([4], [4, 5, 6, 7]),
    }),
  );
  const bias = stacked('layer.bias', [tensors.get('upperBias')!, tensors.get('lowerBias')!]);
  const lower = { ...tensors.get('lower')!, factor: tensors.get('factor')! };
  const weight = stacked('layer.weight', [tensors.get('upper')!, lower]);
  const model = { file, tensors: new Map([...tensors, ['layer.weight', weight] as const, ['layer.bias', bias] as const]) };
  const x = wholeInputs([4, 8]);
  for (const apply of [
    (layer: Layer, x: Value) => layer.linear(x),
    (layer: Layer, x: Value) => layer.linearRows(x, 0, 2),
    (layer: Layer, x: Value) => layer.linearRows(x, 2, 6),
  ]) {
    const [exact, inEight] = await bothAnswers(model, apply, x);
    expect(inEight).toEqual(exact);
  }
});

async function tinyModel() {
  const { family, model } = recognise(await readModelFile(tinyCheckpoint('sd15', { folder: home })), families);
  return { model, write: (component: Component) => family.graph(component, { arithmetic: 'float32', mostPieces: 1 }) };
}

test('a diffusion model in 8 bits predicts nearly the same', async () => {
  const { model, write } = await tinyModel();
  const cache = new WeightCache(path.join(home, 'near'), () => 1e9);
  const quantised = await inEightBits({ model, write, content: 'tiny' }, cache);
  const wave = (shape: number[]) =>
    floats(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => 1.4 * Math.sin(i * i)),
    );
  const inputs = { x: wave([2, 4, 12, 10]), timesteps: floats([2], [700, 700]), context: wave([2, 77, 64]) };
  const [exact, inEight] = await Promise.all(
    [model, quantised].map(async (each) => (await (await openGraph(write(each)))(inputs)).prediction.data as Float32Array),
  );
  const norm = (values: Float32Array) => Math.hypot(...values);
  const error = norm(exact.map((value, i) => value - inEight[i])) / norm(exact);
  expect(error).toBeGreaterThan(0);
  expect(error).toBeLessThan(0.05); // what the facts sheet has for a whole UNet of random weights
});

test('what takes the latent in, puts it out, or reads what no norm has levelled, stays as it is', async () => {
  const { model, write } = await tinyModel();
  const names = quantisedLayers(model, write).map(({ name }) => name);
  expect(names).toContain('input_blocks.1.0.in_layers.2.weight');
  for (const kept of [/^input_blocks\.0\.0\./, /^out\.2\./, /skip_connection/, /\.op\./]) {
    expect([...model.tensors.keys()].some((name) => kept.test(name))).toBe(true);
    expect(names.filter((name) => kept.test(name))).toEqual([]);
  }
});

test('copies are shared by all who ask for the same model, and made anew when the file is cut off', async () => {
  const folder = path.join(home, 'shared');
  const { model, write } = await tinyModel();
  const cache = new WeightCache(folder, () => 1e9);
  await inEightBits({ model, write, content: 'one' }, cache);
  const [file] = readdirSync(folder).map((name) => path.join(folder, name));
  const { size, ino } = statSync(file);
  await inEightBits({ model, write, content: 'one' }, cache);
  expect(statSync(file).ino).toBe(ino);
  truncateSync(file, size - 1);
  await inEightBits({ model, write, content: 'one' }, cache);
  expect(statSync(file).size).toBe(size);
  await inEightBits({ model, write, content: 'another' }, cache);
  expect(readdirSync(folder)).toHaveLength(2);
});

test('making copies ends when its caller says so, and leaves nothing', async () => {
  const folder = path.join(home, 'ended');
  const { model, write } = await tinyModel();
  const ending = inEightBits({ model, write, content: 'one' }, new WeightCache(folder, () => 1e9), () => {
    throw new Error('cancelled');
  });
  await expect(ending).rejects.toThrow('cancelled');
  expect(readdirSync(folder)).toEqual([]);
});

test('a model without layers of ours is refused, not computed otherwise than it was asked for', async () => {
  const { model } = await tinyModel();
  const cache = new WeightCache(path.join(home, 'none'), () => 1e9);
  await expect(inEightBits({ model, write: () => {}, content: 'one' }, cache)).rejects.toThrow(NothingToQuantise);
});

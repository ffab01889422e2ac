import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Component } from '@atelier/sdk';
import { afterAll, expect, test } from 'vitest';
import { Renaming } from '../../../../backend/src/checkpoints/layouts/renaming.js';
import { withFactors } from '../../../../backend/src/checkpoints/scaled-weights.js';
import { readCheckpoint } from '../../../../backend/src/checkpoints/safetensors-header.js';
import { Layer } from '../../../../backend/src/model-families/blocks/layer.js';
import { GraphBuilder } from '../../../../backend/src/onnx/graph-builder.js';
import { arithmetics, floats, openGraph } from '../../../support/open-graph.js';
import { float32s, writeSafetensors, type TensorToWrite } from '../../../support/safetensors-file.js';

const folder = mkdtempSync(path.join(tmpdir(), 'scaled-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A network of these tensors, in a file of that name. */
async function componentIn(name: string, tensors: Readonly<Record<string, TensorToWrite>>): Promise<Component> {
  const { file, tensors: stored } = await readCheckpoint(writeSafetensors(path.join(folder, `${name}.safetensors`), tensors));
  return { file, tensors: withFactors(stored) };
}

const wholes: TensorToWrite = float32s([3, 2], [1, 2, 3, 4, 5, 6]);
const eights: TensorToWrite = { dtype: 'F8_E4M3', shape: [3, 2], bytes: Uint8Array.of(0x38, 0x40, 0x44, 0x48, 0x4a, 0x4c) };

test.each([
  ['of 32 bits', wholes],
  ['of 8 bits', eights],
])(
  'a weight %s with a factor beside it is multiplied by it; its bias is not, and what its input was divided by says nothing here',
  async (title, weight) => {
    const component = await componentIn(title, {
      scaled_fp8: { dtype: 'F8_E4M3', shape: [2], bytes: new Uint8Array(2) },
      'proj.weight': weight,
      'proj.scale_weight': float32s([], [0.5]),
      'proj.scale_input': float32s([], [64]),
      'proj.bias': float32s([3], [10, 20, 30]),
    });
    expect([...component.tensors.keys()]).toEqual(['proj.weight', 'proj.bias']);
    const graph = new GraphBuilder('scaled');
    const x = graph.input('x', 'float32', ['rows', 2]);
    const layer = new Layer(graph, component).at('proj');
    graph.output('all', layer.linear(x), ['rows', 3]);
    graph.output('last', layer.linearRows(x, 2, 3), ['rows', 1]);
    const { all, last } = await (await openGraph(graph.finish()))({ x: floats([1, 2], [1, 1]) });
    expect([...(all.data as Float32Array)]).toEqual([11.5, 23.5, 35.5]);
    expect([...(last.data as Float32Array)]).toEqual([35.5]);
  },
);

test.each(['F32', 'F16', 'F8_E4M3', 'F8_E5M2'] as const)(
  'rows of a table in %s are looked up by their number, and multiplied by its factor',
  async (dtype) => {
    const bytes = {
      F32: Float32Array.of(1, 2, 3, -4),
      F16: Uint16Array.of(0x3c00, 0x4000, 0x4200, 0xc400),
      F8_E4M3: Uint8Array.of(0x38, 0x40, 0x44, 0xc8),
      F8_E5M2: Uint8Array.of(0x3c, 0x40, 0x42, 0xc4),
    }[dtype];
    const component = await componentIn(`table-${dtype}`, {
      'words.weight': { dtype, shape: [2, 2], bytes },
      'words.scale_weight': float32s([1], [2]),
    });
    for (const arithmetic of arithmetics) {
      const graph = new GraphBuilder('table', arithmetic);
      const rows = graph.input('rows', 'int32', ['rows']);
      graph.output('found', new Layer(graph, component).at('words').embedding(rows), ['rows', 2]);
      const run = await openGraph(graph.finish());
      const { found } = await run({ rows: { type: 'int32', shape: [3], data: Int32Array.of(1, 0, 1) } });
      expect(found.shape).toEqual([3, 2]);
      expect([...(found.data as Float32Array)]).toEqual([6, -8, 2, 4, 6, -8]);
    }
  },
);

test('rows that lie apart are each multiplied by their own factor', async () => {
  const parts = ['to_q', 'to_k'].map((name, i) => ({
    [`${name}.weight`]: eights,
    [`${name}.scale_weight`]: float32s([], [i + 1]),
    [`${name}.bias`]: float32s([3], [100, 200, 300]),
  }));
  const { file, tensors } = await componentIn('apart', Object.assign({}, ...parts) as Record<string, TensorToWrite>);
  const renaming = new Renaming(tensors);
  renaming.join(['to_q', 'to_k'], 'qk');
  const graph = new GraphBuilder('apart');
  const x = graph.input('x', 'float32', ['rows', 2]);
  graph.output('all', new Layer(graph, { file, tensors: renaming.finish() }).at('qk').linearRows(x, 2, 5), ['rows', 3]);
  const { all } = await (await openGraph(graph.finish()))({ x: floats([1, 2], [1, 1]) });
  expect([...(all.data as Float32Array)]).toEqual([311, 106, 214]);
});

test('a convolution with a factor is multiplied by it, its bias is not', async () => {
  const component = await componentIn('conv', {
    'conv.weight': { dtype: 'F8_E5M2', shape: [1, 2, 1, 1], bytes: Uint8Array.of(0x3c, 0x40) },
    'conv.scale_weight': float32s([1], [3]),
    'conv.bias': float32s([1], [10]),
  });
  const graph = new GraphBuilder('conv');
  const x = graph.input('x', 'float32', [1, 2, 1, 1]);
  graph.output('y', new Layer(graph, component).at('conv').conv(x), [1, 1, 1, 1]);
  const { y } = await (await openGraph(graph.finish()))({ x: floats([1, 2, 1, 1], [1, 1]) });
  expect([...(y.data as Float32Array)]).toEqual([19]);
});

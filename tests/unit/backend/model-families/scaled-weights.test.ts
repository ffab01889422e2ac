import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCheckpoint } from '../../../../backend/src/checkpoints/safetensors-header.js';
import { Layer } from '../../../../backend/src/model-families/blocks/layer.js';
import { GraphBuilder } from '../../../../backend/src/onnx/graph-builder.js';
import { floats, openGraph } from '../../../support/open-graph.js';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), 'scaled-'))));
afterAll(() => rm(folder, { recursive: true }));

/** A `.safetensors` file of float32 tensors, one behind the other. */
async function checkpointOf(tensors: Readonly<Record<string, { shape: number[]; values: number[] }>>) {
  let end = 0;
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, values }]) => [
      name,
      { dtype: 'F32', shape, data_offsets: [end, (end += 4 * values.length)] },
    ]),
  );
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = path.join(folder, 'scaled.safetensors');
  const values = Object.values(tensors).flatMap((each) => each.values);
  await writeFile(file, Buffer.concat([length, text, Buffer.from(Float32Array.from(values).buffer)]));
  return readCheckpoint(file);
}

test('a weight with a factor beside it is multiplied by it, its bias is not', async () => {
  const component = await checkpointOf({
    'proj.weight': { shape: [3, 2], values: [1, 2, 3, 4, 5, 6] },
    'proj.scale_weight': { shape: [], values: [0.5] },
    'proj.bias': { shape: [3], values: [10, 20, 30] },
  });
  const graph = new GraphBuilder('scaled');
  const x = graph.input('x', 'float32', ['rows', 2]);
  const layer = new Layer(graph, component).at('proj');
  graph.output('all', layer.linear(x), ['rows', 3]);
  graph.output('last', layer.linearRows(x, 2, 3), ['rows', 1]);
  const { all, last } = await (await openGraph(graph.finish()))({ x: floats([1, 2], [1, 1]) });
  expect([...(all.data as Float32Array)]).toEqual([11.5, 23.5, 35.5]);
  expect([...(last.data as Float32Array)]).toEqual([35.5]);
});

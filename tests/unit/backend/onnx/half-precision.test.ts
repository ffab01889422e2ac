import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { withConstantWeights } from '../../../../backend/src/onnx/constant-weights.js';
import { GraphBuilder, type WeightInPlace } from '../../../../backend/src/onnx/graph-builder.js';
import { halfPrecisionNodes } from '../../../../backend/src/onnx/half-precision-nodes.js';
import { floats, openGraph } from '../../../support/open-graph.js';

const folder = mkdtempSync(path.join(tmpdir(), 'half-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The matrix 1 2 / 3 4 in half precision. */
function halves(): WeightInPlace {
  const file = path.join(folder, 'weights.bin');
  const bits = Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400);
  writeFileSync(file, bits);
  return { file, offset: 0, length: bits.byteLength, type: 'F16', dims: [2, 2] };
}

test('weights that cannot be given anew are widened while the model is opened, and give the same answer', async () => {
  const graph = new GraphBuilder('test');
  const x = graph.input('x', 'float32', ['rows', 2]);
  graph.output('y', graph.gemm(x, graph.weight('w', halves()), undefined, 'layer'), ['rows', 2]);
  const spec = graph.finish();
  const [piece] = spec.pieces;
  const bytes = withConstantWeights(piece.bytes);
  expect(bytes.length).toBeLessThan(piece.bytes.length);
  const run = await openGraph({ ...spec, pieces: [{ ...piece, bytes }] });
  expect(Array.from((await run({ x: floats([1, 2], [10, 1]) })).y.data as Float32Array)).toEqual([12, 34]);
});

test('looking words up in a half-precision table is named, up to the widening; widening a weight is not', () => {
  const graph = new GraphBuilder('test');
  const tokens = graph.input('tokens', 'int32', ['tokens']);
  const words = graph.cast(graph.node('Gather', [graph.storedWeight('table', halves()), tokens], { axis: 0 }, 'words'), 'words');
  graph.output('y', graph.gemm(words, graph.weight('w', halves()), undefined, 'layer'), ['tokens', 2]);
  expect(halfPrecisionNodes(graph.finish().pieces[0].bytes)).toEqual(['words/Gather', 'words/Cast']);
});

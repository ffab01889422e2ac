import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { GraphBuilder, type Value, type WeightInPlace, type WeightType } from '../../../../backend/src/onnx/graph-builder.js';
import { floats, openGraph } from '../../../support/open-graph.js';

const folder = mkdtempSync(path.join(tmpdir(), 'graph-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file that begins with an odd number of bytes that are not the weight's. */
function weightFile(name: string, type: WeightType, dims: number[], bits: Float32Array | Uint16Array | Uint8Array): WeightInPlace {
  const file = path.join(folder, name);
  const bytes = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
  writeFileSync(file, Buffer.concat([Buffer.from('xyz'), bytes]));
  return { file, offset: 3, length: bytes.length, type, dims };
}

/** Runs a graph of one input and one output. */
async function evaluate(inputShape: number[], input: number[], build: (graph: GraphBuilder, x: Value) => Value): Promise<number[]> {
  const graph = new GraphBuilder('test');
  const sides = inputShape.map((_, axis) => `side ${axis}`);
  graph.output('y', build(graph, graph.input('x', 'float32', sides)), []);
  const run = await openGraph(graph.finish());
  const { y } = await run({ x: floats(inputShape, input) });
  return Array.from(y.data as Float32Array);
}

const near = (values: number[]) => values.map((value) => expect.closeTo(value, 5) as number);

test.each([
  ['F32', Float32Array.of(1, 2, 3, 4, 5, 6)],
  ['F16', Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600)],
  ['BF16', Uint16Array.of(0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0)],
  ['F8_E4M3', Uint8Array.of(0x38, 0x40, 0x44, 0x48, 0x4a, 0x4c)],
  ['F8_E5M2', Uint8Array.of(0x3c, 0x40, 0x42, 0x44, 0x45, 0x46)],
] as const)('%s weights are read where they lie in the file, without alignment', async (type, bits) => {
  const weight = weightFile(`${type}.bin`, type, [3, 2], bits);
  const y = await evaluate([1, 2], [10, 1], (graph, x) => graph.gemm(x, graph.weight('w', weight), undefined, 'layer'));
  expect(y).toEqual([12, 34, 56]);
});

test('some rows of a weight, or other sides, are read from the same bytes', async () => {
  const whole = weightFile('rows.bin', 'F32', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
  const lastRow = { ...whole, dims: [1, 2], offset: whole.offset + 16, length: 8 };
  const y = await evaluate([1, 2], [10, 1], (graph, x) => graph.gemm(x, graph.weight('w', lastRow), undefined, 'layer'));
  expect(y).toEqual([56]);
});

test('the graph holds no weights, only where they lie', () => {
  const graph = new GraphBuilder('small');
  const weight: WeightInPlace = { file: '/models/a/big.safetensors', offset: 1000, length: 4_000_000, type: 'F32', dims: [1000, 1000] };
  const other: WeightInPlace = { ...weight, file: '/models/b/vae.safetensors' };
  const x = graph.input('x', 'float32', ['rows', 1000]);
  const h = graph.gemm(x, graph.weight('first', weight), undefined, 'first');
  graph.output('y', graph.gemm(h, graph.weight('second', other), undefined, 'second'), ['rows', 1000]);
  const spec = graph.finish();
  expect(spec).toMatchObject({ name: 'small', weightsFolder: '/models', inputs: ['x'], outputs: ['y'] });
  expect(spec.pieces[0].bytes.length).toBeLessThan(1000);
  expect(Buffer.from(spec.pieces[0].bytes).toString('latin1')).toContain('a/big.safetensors');
});

test('SiLU, quick GELU and GELU are the functions of those names', async () => {
  const xs = [-2, -0.5, 0, 1, 3];
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  expect(await evaluate([5], xs, (graph, x) => graph.silu(x, 'a'))).toEqual(near(xs.map((x) => x * sigmoid(x))));
  expect(await evaluate([5], xs, (graph, x) => graph.quickGelu(x, 1.702, 'a'))).toEqual(near(xs.map((x) => x * sigmoid(1.702 * x))));
  const gelu = [-0.0455003, -0.1542688, 0, 0.8413447, 2.9959503]; // x · Φ(x), from tables of the normal distribution
  expect(await evaluate([5], xs, (graph, x) => graph.gelu(x, 'a'))).toEqual(near(gelu));
});

test('group norm gives every group of channels mean 0 and variance 1, then scales each channel', async () => {
  const y = await evaluate([1, 4, 1, 2], [1, 2, 3, 4, 10, 20, 30, 40], (graph, x) => {
    const scale = graph.constant('float32', [1, 1, 1, 2], [4, 1, 1]);
    const bias = graph.constant('float32', [0, 0, 5, 0], [4, 1, 1]);
    return graph.groupNorm(x, scale, bias, { groups: 2, epsilon: 1e-12 }, 'norm');
  });
  const unit = [-3, -1, 1, 3].map((value) => value / Math.sqrt(5));
  expect(y).toEqual(near([...unit, unit[0] + 5, unit[1] + 5, 2 * unit[2], 2 * unit[3]]));
});

test('a causal token attends to itself and those before it, another one to all', async () => {
  // equal queries and keys: attention is the plain mean of what may be seen
  const values = [1, 2, 6];
  const attend = (isCausal: boolean) =>
    evaluate([1, 3, 1], values, (graph, x) => {
      const zero = graph.multiply(x, graph.constant('float32', [0]), 'zero');
      return graph.attention(zero, zero, x, { heads: 1, isCausal }, 'attention');
    });
  expect(await attend(true)).toEqual(near([1, 1.5, 3]));
  expect(await attend(false)).toEqual(near([3, 3, 3]));
});

test('enlarging repeats pixels, to twice the size or to the size of another tensor', async () => {
  expect(await evaluate([1, 1, 1, 2], [1, 2], (graph, x) => graph.enlarge(x, 'twice', 'up'))).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
  const like = (graph: GraphBuilder) => graph.constant('float32', [0, 0, 0], [1, 1, 1, 3]);
  expect(await evaluate([1, 1, 1, 2], [1, 2], (graph, x) => graph.enlarge(x, like(graph), 'up'))).toEqual([1, 1, 2]);
});

test('nodes are named after their place in the model, so that errors can be read', () => {
  const graph = new GraphBuilder('named');
  const x = graph.input('x', 'float32', [1]);
  graph.output('y', graph.add(graph.add(x, x, 'middle_block.1'), x, 'middle_block.1'), [1]);
  const text = Buffer.from(graph.finish().pieces[0].bytes).toString('latin1');
  expect(text).toContain('middle_block.1/Add');
  expect(text).toContain('middle_block.1/Add.2');
});

test('what must not be rounded is computed in float32 until it is narrowed, and cannot slip in among half-precision numbers', async () => {
  const graph = new GraphBuilder('exact', 'float16');
  const exact = graph.exactInput('exact', ['n']);
  const wave = graph.node('Sin', [graph.multiply(exact, graph.constant('float32', [0.5]), 'wave')], {}, 'wave');
  const x = graph.input('x', 'float32', ['n']);
  expect(() => graph.add(x, wave, 'sum')).toThrow(/mixes/);
  graph.output('y', graph.add(x, graph.narrowed(wave, 'wave'), 'sum'), ['n']);
  const run = await openGraph(graph.finish());
  const { y } = await run({ exact: floats([1], [999.7]), x: floats([1], [0]) });
  expect(Math.abs((y.data as Float32Array)[0] - Math.sin(499.85))).toBeLessThan(1e-3);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readTensor } from '../../../../backend/src/checkpoints/read-tensor.js';
import { readCheckpoint } from '../../../../backend/src/checkpoints/safetensors-header.js';
import { GraphBuilder } from '../../../../backend/src/onnx/graph-builder.js';
import { floats, openGraph } from '../../../support/open-graph.js';
import { writeSafetensors } from '../../../support/safetensors-file.js';

const folder = mkdtempSync(path.join(tmpdir(), 'tensor-'));
afterAll(() => rmSync(folder, { recursive: true }));

const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);
const storedAs = async (dtype: 'F8_E4M3' | 'F8_E5M2' | 'F64', shape: number[], bytes: ArrayBufferView) => {
  const file = writeSafetensors(path.join(folder, `${dtype}.safetensors`), { codes: { dtype, shape, bytes } });
  return (await readCheckpoint(file)).tensors.get('codes')!;
};

test.each([
  // smallest, largest below the normal ones, smallest normal, one, largest, and what is no number (OCP 8-bit floating point, table 2)
  ['F8_E4M3', { 0x01: 2 ** -9, 0x07: 7 * 2 ** -9, 0x08: 2 ** -6, 0x38: 1, 0x7e: 448, 0x7f: NaN, 0x80: -0, 0xb9: -1.125, 0xff: NaN }],
  ['F8_E5M2', { 0x01: 2 ** -16, 0x03: 3 * 2 ** -16, 0x04: 2 ** -14, 0x3c: 1, 0x7b: 57344, 0x7c: Infinity, 0x7f: NaN, 0xfc: -Infinity }],
] as const)('%s is read exactly, and a graph reads the same numbers for all 256 bytes', async (dtype, known) => {
  const stored = await storedAs(dtype, [256], everyByte);
  const { data } = await readTensor(stored);
  for (const [code, value] of Object.entries(known)) expect(data[Number(code)]).toBe(value);

  const graph = new GraphBuilder('codes');
  const one = graph.input('one', 'float32', [1]);
  const { file, offset, length } = stored;
  graph.output('values', graph.multiply(graph.weight('codes', { file, offset, length, type: dtype, dims: [256] }), one, 'codes'), [256]);
  const { values } = await (await openGraph(graph.finish()))({ one: floats([1], [1]) });
  expect(values.data).toEqual(data);
});

test('weights in a type that is not computed with are refused by name, with the types that are', async () => {
  await expect(readTensor(await storedAs('F64', [1], Float64Array.of(1)))).rejects.toMatchObject({
    code: 'weight-type-not-built',
    message: expect.stringContaining('"codes" of "F64.safetensors" is stored as F64') as string,
    hint: expect.stringContaining('F16') as string,
  });
});

import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readTensor } from '../../../../backend/src/checkpoints/read-tensor.js';
import { readCheckpoint } from '../../../../backend/src/checkpoints/safetensors-header.js';

const folder = mkdtempSync(path.join(tmpdir(), 'headers-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
/** Writes a file with this header, exactly as given, and so many bytes of data after it. */
function write(header: object | string, data: Uint8Array | number = 0, ending = '.safetensors'): string {
  const file = path.join(folder, `model-${++count}${ending}`);
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(file, Buffer.concat([length, json, typeof data === 'number' ? Buffer.alloc(data) : data]));
  return file;
}
const f32 = (shape: number[], begin: number, end: number) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

test('a tensor is found at its place in the file, and its values are read', async () => {
  const file = write(
    { a: f32([2], 0, 8), h: { dtype: 'F16', shape: [2], data_offsets: [8, 12] } },
    Buffer.from('0000803f000000c000bc007c', 'hex'),
  );
  const checkpoint = await readCheckpoint(file);
  const header = checkpoint.tensors.get('a')!;
  expect(header).toMatchObject({ type: 'F32', shape: [2], length: 8 });
  expect((await readTensor(checkpoint.tensors.get('a')!)).data).toEqual(Float32Array.of(1, -2));
  expect((await readTensor(checkpoint.tensors.get('h')!)).data).toEqual(Float32Array.of(-1, Infinity));
});

test('bfloat16 is the upper half of float32', async () => {
  const checkpoint = await readCheckpoint(
    write({ b: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } }, Buffer.from('803f00c0', 'hex')),
  );
  expect((await readTensor(checkpoint.tensors.get('b')!)).data).toEqual(Float32Array.of(1, -2));
});

test('names that JavaScript objects know are names like any other', async () => {
  const { tensors, metadata } = await readCheckpoint(
    write(
      `{"__metadata__":{"__proto__":"x"},"__proto__":${JSON.stringify(f32([1], 0, 4))},"constructor":${JSON.stringify(f32([1], 4, 8))}}`,
      8,
    ),
  );
  expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
  expect([...metadata.keys()].every((key) => key === '__proto__')).toBe(true);
  expect(({} as Record<string, unknown>).dtype).toBeUndefined();
});

test('errors name the file and the tensor', async () => {
  const file = write({ fine: f32([1], 0, 4), 'unet.weight': f32([9], 4, 8) }, 8);
  await expect(readCheckpoint(file)).rejects.toMatchObject({
    code: 'checkpoint-unreadable',
    message: `"${path.basename(file)}" cannot be read: tensor "unet.weight" has 4 bytes, but F32 [9] takes 36.`,
    hint: expect.stringContaining('Fetch it again') as string,
  });
});

test('a file that breaks off says how much there is', async () => {
  const file = write({ a: f32([4], 0, 16) }, 16);
  truncateSync(file, 70);
  await expect(readCheckpoint(file)).rejects.toThrow(/it is cut off: 70 bytes of \d+, tensor "a" is not whole/);
});

test('a header that claims more than 100 MB is refused without being read', async () => {
  const file = write('{}');
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(2n ** 63n);
  writeFileSync(file, bytes);
  await expect(readCheckpoint(file)).rejects.toThrow(/claims a header of 9223372036854775808 bytes/);
});

test.each(['.ckpt', '.pt', '.pth', '.bin', '.CKPT'])('%s files are refused for what they can do, whatever is inside', async (ending) => {
  await expect(readCheckpoint(write('{}', 0, ending))).rejects.toMatchObject({ code: 'checkpoint-is-pickle' });
});

test('a pickle or GGUF under the name of a safetensors file is called what it is', async () => {
  const renamed = (bytes: Buffer) => {
    const file = write('{}');
    writeFileSync(file, bytes);
    return readCheckpoint(file);
  };
  await expect(renamed(Buffer.from('PK\u0003\u0004----------------', 'latin1'))).rejects.toMatchObject({ code: 'checkpoint-is-pickle' });
  await expect(renamed(Buffer.from('\x80\x02\x8a\nl\xfc\x9cF\xf9 j', 'latin1'))).rejects.toMatchObject({ code: 'checkpoint-is-pickle' });
  await expect(renamed(Buffer.from('GGUF\u0003------------------', 'latin1'))).rejects.toMatchObject({ code: 'container-not-built' });
});

test('a header whose length looks like the start of a pickle is still a header', async () => {
  const json = JSON.stringify({ a: f32([1], 0, 4) });
  const checkpoint = await readCheckpoint(write(json + ' '.repeat(0x280 - json.length), 4)); // the file begins with 80 02
  expect(checkpoint.tensors.size).toBe(1);
});

test('a file that is gone says so; a link gives the file it leads to', async () => {
  await expect(readCheckpoint(path.join(folder, 'nowhere.safetensors'))).rejects.toMatchObject({
    code: 'checkpoint-not-opened',
    kind: 'not-found',
  });
  const file = write({ a: f32([1], 0, 4) }, 4);
  const link = path.join(folder, 'link.safetensors');
  symlinkSync(file, link);
  expect((await readCheckpoint(link)).file).toBe(await realpath(file));
});

test('a folder called like a model is not one', async () => {
  await expect(readCheckpoint(folder)).rejects.toMatchObject({ code: 'checkpoint-not-opened' });
});

import { readFileSync, writeFileSync } from 'node:fs';
import type { StoredType } from '@atelier/sdk';

/** A tensor to write: its values as the bytes of its element type. */
export interface TensorToWrite {
  dtype: StoredType;
  shape: readonly number[];
  bytes: ArrayBufferView;
}

/** Writes a `.safetensors` file, its tensors one behind the other. */
export function writeSafetensors(
  file: string,
  tensors: Readonly<Record<string, TensorToWrite>>,
  metadata?: Readonly<Record<string, string>>,
): string {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const header = Buffer.from(JSON.stringify({ ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const values = Object.values(tensors).map(({ bytes }) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  writeFileSync(file, Buffer.concat([length, header, ...values]));
  return file;
}

/** Float32 numbers as a tensor to write. */
export function float32s(shape: readonly number[], values: readonly number[]): TensorToWrite {
  return { dtype: 'F32', shape, bytes: Float32Array.from(values) };
}

/** All tensors of a small file, as they are stored there. */
export function readSafetensors(file: string): Record<string, TensorToWrite> {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, Header>;
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return Object.fromEntries(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => [name, { dtype, shape, bytes: bytes.subarray(start + begin, start + end) }],
    ),
  );
}

interface Header {
  dtype: StoredType;
  shape: number[];
  data_offsets: [begin: number, end: number];
}

import { writeFileSync } from 'node:fs';
import { readTensorsOf } from './goldens.js';

/** Writes a copy of a checkpoint whose weights are all stored in float32. */
export function writeWidened(checkpoint: string, target: string): void {
  const header: Record<string, unknown> = {};
  const parts: Buffer[] = [];
  let length = 0;
  for (const [name, { shape, data }] of readTensorsOf(checkpoint)) {
    const floats = Float32Array.from(data as ArrayLike<number>);
    header[name] = { dtype: 'F32', shape, data_offsets: [length, (length += floats.byteLength)] };
    parts.push(Buffer.from(floats.buffer));
  }
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(target, Buffer.concat([start, json, ...parts]));
}

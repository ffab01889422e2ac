import { writeFileSync } from 'node:fs';
import { readTensorsOf } from './goldens.js';

/** Writes a copy of a half-precision checkpoint whose weights are stored in float32. */
export function writeWidened(checkpoint: string, target: string): void {
  const header: Record<string, unknown> = {};
  const parts: Buffer[] = [];
  let length = 0;
  for (const [name, { shape, data }] of readTensorsOf(checkpoint)) {
    const isWhole = data instanceof BigInt64Array; // positions of tokens
    const stored = isWhole ? data : Float32Array.from(data);
    header[name] = { dtype: isWhole ? 'I64' : 'F32', shape, data_offsets: [length, (length += stored.byteLength)] };
    parts.push(Buffer.from(stored.buffer));
  }
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(target, Buffer.concat([start, json, ...parts]));
}

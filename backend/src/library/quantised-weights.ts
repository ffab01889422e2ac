import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { Component, QuantisedWeight, StoredTensor, WeightRows } from '@atelier/sdk';
import { rowPieces, rowsOf } from '../checkpoints/layouts/layout.js';
import { quantiseOutputs, type QuantisedMatrix } from '../checkpoints/quantise.js';
import { readTensor } from '../checkpoints/read-tensor.js';
import { readCheckpoint } from '../checkpoints/safetensors-header.js';

/** Changes whenever the same weights are to be quantised otherwise than before. */
const VERSION = 1;

/** How much of a weight is read at a time, in values. */
const VALUES_AT_ONCE = 2 ** 22;

/** Layers below which 8 bits save no time: a side so short is quickly done. */
const SHORTEST_SIDE = 32;

/** Layers that stay as they are, by name: decision 23 says what each would cost. */
const kept: readonly RegExp[] = [];

/** Whether a layer is computed in 8 bits. */
export function isQuantised({ name, weight: { shape }, from, to }: WeightRows): boolean {
  return Math.min(to - from, shape[1]) >= SHORTEST_SIDE && !kept.some((pattern) => pattern.test(name));
}

/** The layers of a network that are to be computed in 8 bits, in the order in which it asks for their weights. */
export function quantisedLayers(model: Component, write: (model: Component) => unknown): WeightRows[] {
  const found = new Map<string, WeightRows>();
  write({
    ...model,
    quantised(rows) {
      if (isQuantised(rows)) found.set(keyOf(rows), rows);
      return undefined;
    },
  });
  return [...found.values()];
}

/** What the file of these copies is called: by the model's content, by which layers they are of and how they are made. */
export function quantisedFileName(layers: readonly WeightRows[], modelSha256: string): string {
  return createHash('sha256')
    .update(JSON.stringify([VERSION, modelSha256, layers.map(keyOf)]))
    .digest('hex');
}

/** Bytes that the copies of these layers take. */
export function quantisedBytes(layers: readonly WeightRows[]): number {
  return planOf(layers).bytes;
}

/**
 * Writes the copies of all layers into a new `.safetensors` file, a layer at a time.
 *
 * @param yieldPoint called between the pieces of the work, with the bytes that are done. What it throws ends it.
 */
export async function writeQuantised(
  file: string,
  layers: readonly WeightRows[],
  yieldPoint: (doneBytes: number) => void = () => {},
): Promise<void> {
  const { header, places, dataStart } = planOf(layers);
  const handle = await open(file, 'wx');
  try {
    await write(handle, header, 0);
    let done = 0;
    for (const { rows, values, steps } of places) {
      const matrix = await quantise(rows, (share) => yieldPoint(done + share * values.length));
      done += values.length;
      await write(handle, new Uint8Array(matrix.steps.buffer), dataStart + steps.offset);
      await write(handle, new Uint8Array(matrix.values.buffer), dataStart + values.offset);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * The network with the copies of its layers that a file holds.
 *
 * @throws CheckpointUnreadable, or TypeError when it holds others.
 */
export async function withQuantised(model: Component, layers: readonly WeightRows[], file: string): Promise<Component> {
  const { tensors } = await readCheckpoint(file);
  const copies = new Map<string, QuantisedWeight>();
  for (const rows of layers) {
    const [values, steps] = [tensors.get(valuesOf(rows)), tensors.get(stepsOf(rows))];
    if (!values || !steps) throw new TypeError(`"${file}" has no copy of ${keyOf(rows)}.`);
    copies.set(keyOf(rows), { values, steps });
  }
  return { ...model, quantised: (rows) => copies.get(keyOf(rows)) };
}

async function quantise({ weight, from, to }: WeightRows, yieldPoint: (share: number) => void): Promise<QuantisedMatrix> {
  const sides = sidesOf(weight);
  const inputs = sides.channels * sides.places;
  const outputs = to - from;
  const matrix = { values: new Int8Array(inputs * outputs), steps: new Float32Array(outputs) };
  const rowsAtOnce = Math.max(1, Math.floor(VALUES_AT_ONCE / inputs));
  let done = 0;
  for (const piece of rowPieces(weight, from, to)) {
    const factor = piece.factor ? (await readTensor(piece.factor)).data[0] : 1;
    for (let row = 0; row < piece.shape[0]; row += rowsAtOnce) {
      const end = Math.min(row + rowsAtOnce, piece.shape[0]);
      const { data } = await readTensor(rowsOf(piece, row, end));
      quantiseOutputs(data as Float32Array, sides, done, matrix);
      for (let output = done; output < done + end - row; output++) matrix.steps[output] *= factor;
      done += end - row;
      yieldPoint(done / outputs);
    }
  }
  return matrix;
}

/** Where everything lies in the file: the steps of all layers, and their values behind them. Offsets are from the end of the header. */
function planOf(layers: readonly WeightRows[]) {
  let end = 0;
  const take = (type: 'F32' | 'I8', shape: readonly number[]) => {
    const offset = end;
    end += shape.reduce((product, side) => product * side, type === 'F32' ? 4 : 1);
    return { type, shape, offset, length: end - offset };
  };
  const steps = layers.map(({ from, to }) => take('F32', [to - from]));
  const places = layers.map((rows, i) => {
    const { channels, places } = sidesOf(rows.weight);
    return { rows, steps: steps[i], values: take('I8', [channels * places, rows.to - rows.from]) };
  });
  const entry = ({ type, shape, offset, length }: (typeof steps)[number]) => ({
    dtype: type,
    shape,
    data_offsets: [offset, offset + length],
  });
  const entries = places.flatMap(({ rows, steps, values }) => [
    [stepsOf(rows), entry(steps)],
    [valuesOf(rows), entry(values)],
  ]);
  const text = JSON.stringify(Object.fromEntries(entries));
  const padded = text.padEnd(Math.ceil(Buffer.byteLength(text) / 8) * 8); // so that the steps are aligned
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(padded)));
  const header = Buffer.concat([length, Buffer.from(padded)]);
  return { header, places, dataStart: header.length, bytes: header.length + end };
}

async function write(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

function sidesOf({ shape: [, channels, ...kernel] }: StoredTensor): { channels: number; places: number } {
  return { channels, places: kernel.reduce((product, side) => product * side, 1) };
}

function keyOf({ name, from, to }: WeightRows): string {
  return `${name} ${from}…${to}`;
}

function valuesOf(rows: WeightRows): string {
  return `${keyOf(rows)} values`;
}

function stepsOf(rows: WeightRows): string {
  return `${keyOf(rows)} steps`;
}

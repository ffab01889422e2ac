import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { AppError, fail, type Component, type QuantisedWeight, type StoredTensor, type WeightRows } from '@atelier/sdk';
import { CheckpointNotOpened, CheckpointUnreadable } from '../checkpoints/errors.js';
import { rowPieces, rowsOf } from '../checkpoints/layouts/layout.js';
import { quantiseOutputs, type QuantisedMatrix } from '../checkpoints/quantise.js';
import { readTensor } from '../checkpoints/read-tensor.js';
import { readCheckpoint } from '../checkpoints/safetensors-header.js';
import type { WeightCache } from './weight-cache.js';

/** Changes whenever the same weights are to be quantised otherwise than before. */
const VERSION = 1;

/** How much of a weight is read at a time, in values. */
const VALUES_AT_ONCE = 2 ** 22;

/** A side so short is quickly multiplied with; what takes a latent in or puts one out has such a side, and hurts most. */
const SHORTEST_SIDE = 32;

/** Layers that stay as they are: decision 22 says what each of them would do to the picture. */
const keptLayers: readonly RegExp[] = [
  /(^|\.)skip_connection\./, // reads what no norm has levelled
  /^input_blocks\.\d+\.0\.op\./, // so does this
  /^(img_in|x_embedder|final_layer)\./, // take the latent of a transformer in and put it out
  /^(txt_in|context_embedder)\./, // read what T5 says, in which single numbers are very large
];
/** So do the last of a network's larger convolutions: the last residual block of a UNet. */
const KEPT_CONVOLUTIONS = 2;

/** A model whose weights are to be copied. */
export interface QuantisedModel {
  /** The diffusion model. */
  model: Component;
  /** Writes its graph, which asks for the weights that it multiplies with. */
  write(model: Component): unknown;
  /** Tells its weights from all others. */
  content: string;
}

/** Of an extension's kind of model, perhaps: it has none of our layers. */
export class NothingToQuantise extends AppError {
  readonly code = 'nothing-to-quantise';
  constructor(file: string) {
    super(`"${path.basename(file)}" has no layers that could be computed in int8.`, 'Ask for "auto" or "fp32".');
  }
}

/**
 * The model with copies of its weights in 8 bits, which are made if the cache has none.
 *
 * @param yieldPoint called between the pieces of that work, with the bytes of copies that are made, and how many it will be. What it throws
 *   ends the work.
 */
export async function inEightBits(
  { model, write, content }: QuantisedModel,
  cache: WeightCache,
  yieldPoint: (made: number, of: number) => void = () => {},
): Promise<Component> {
  const layers = quantisedLayers(model, write);
  if (layers.length === 0) throw new NothingToQuantise(model.file);
  const { bytes } = planOf(layers);
  const file = await cache.file({
    name: nameOf(layers, content),
    bytes,
    isWhole: async (there) => (await copiesIn(there, layers)) !== undefined,
    write: (unfinished) => writeQuantised(unfinished, layers, (made) => yieldPoint(made, bytes)),
  });
  return await withQuantised(model, layers, file);
}

/** The layers of a network that are to be computed in 8 bits, in the order in which it asks for their weights. */
export function quantisedLayers(model: Component, write: (model: Component) => unknown): WeightRows[] {
  const asked = new Map<string, WeightRows>();
  write({
    ...model,
    quantised(rows) {
      asked.set(keyOf(rows), rows);
      return undefined;
    },
  });
  const large = [...asked.values()].filter(({ weight: { shape }, from, to }) => Math.min(to - from, shape[1]) >= SHORTEST_SIDE);
  const lastConvolutions = large.filter(({ weight }) => sidesOf(weight).places > 1).slice(-KEPT_CONVOLUTIONS);
  return large.filter((rows) => !lastConvolutions.includes(rows) && !keptLayers.some((pattern) => pattern.test(rows.name)));
}

/** What the file of these copies is called: by what the model's weights are, which layers they are of and how they are made. */
function nameOf(layers: readonly WeightRows[], content: string): string {
  return createHash('sha256')
    .update(JSON.stringify([VERSION, content, layers.map(keyOf)]))
    .digest('hex');
}

/**
 * Writes the copies of all layers into a new `.safetensors` file, a layer at a time.
 *
 * @param yieldPoint called between the pieces of the work, with the bytes that are done. What it throws ends it.
 */
export async function writeQuantised(
  file: string,
  layers: readonly WeightRows[],
  yieldPoint: (made: number) => void = () => {},
): Promise<void> {
  const { header, places, dataStart } = planOf(layers);
  const handle = await open(file, 'wx');
  try {
    await write(handle, header, 0);
    let made = 0;
    for (const { rows, values, steps } of places) {
      const before = made;
      const matrix = await quantise(rows, (share) => yieldPoint(before + Math.round(share * values.length)));
      made += values.length;
      await write(handle, new Uint8Array(matrix.steps.buffer), dataStart + steps.offset);
      await write(handle, new Uint8Array(matrix.values.buffer), dataStart + values.offset);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The network with the copies of its layers that a file holds. */
export async function withQuantised(model: Component, layers: readonly WeightRows[], file: string): Promise<Component> {
  const copies =
    (await copiesIn(file, layers)) ?? fail(new CheckpointUnreadable(file, 'it does not hold the weights that it is named after.'));
  return { ...model, quantised: (rows) => copies.get(keyOf(rows)) };
}

/** The copies of these layers by their keys; undefined when the file is not there, is damaged or lacks some. */
async function copiesIn(file: string, layers: readonly WeightRows[]): Promise<ReadonlyMap<string, QuantisedWeight> | undefined> {
  const tensors = await readCheckpoint(file).then(
    (read) => read.tensors,
    (error: unknown) => {
      if (error instanceof CheckpointUnreadable || error instanceof CheckpointNotOpened) return undefined;
      throw error;
    },
  );
  const copies = new Map<string, QuantisedWeight>();
  for (const rows of layers) {
    const [values, steps] = [tensors?.get(valuesOf(rows)), tensors?.get(stepsOf(rows))];
    if (!values || !steps) return undefined;
    copies.set(keyOf(rows), { values, steps });
  }
  return copies;
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

// `node scripts/full-size.mjs <name>… [--type fp16] [--seed 1] [--folder …]`: checkpoints with the names and shapes of published
// ones and random weights, for measuring. The same call writes the same bytes; a file that is there already is left as it is.
import './node-version.mjs';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fullSizeNames, headerOf } from './measure/headers.mjs';
import { elementTypes, encode, WeightSource } from './measure/random-weights.mjs';

/** Where the files go when no folder is named. They are large, and can be written again at any time. */
export const defaultFolder = path.join(os.tmpdir(), 'atelier-full-size');

const CHUNK_BYTES = 8 * 2 ** 20;

/** Types that networks are not stored in, and a few tables beside them are. */
const tableTypes = { F32: elementTypes.fp32, I64: { name: 'I64', bytes: 8 } };

/**
 * Writes a checkpoint of full size, at the speed of the disk and with a few megabytes of memory.
 *
 * @param {string} name one of `fullSizeNames`
 * @param {{ type?: keyof typeof elementTypes, seed?: number, folder?: string, only?: string }} [options] `only` leaves out every
 *   tensor whose name does not begin so; `type` is that of all weights.
 * @returns {string} the file's path
 */
export function writeFullSize(name, { type = 'fp16', seed = 1, folder = defaultFolder, only = '' } = {}) {
  const file = path.join(folder, [name, only && 'part', type, seed !== 1 && `seed-${seed}`].filter(Boolean).join('-') + '.safetensors');
  if (fs.existsSync(file)) return file;
  fs.mkdirSync(folder, { recursive: true });

  const tensors = layOut(headerOf(name), only, elementTypes[type]);
  const unfinished = `${file}.unfinished`;
  const output = fs.openSync(unfinished, 'w');
  try {
    fs.writeSync(output, headerBytes(tensors));
    const source = new WeightSource(type, seed);
    for (const tensor of tensors) writeTensor(output, tensor, source);
  } finally {
    fs.closeSync(output);
  }
  fs.renameSync(unfinished, file);
  return file;
}

/** The tensors of the file in their order, in the type that they are to have. Tables keep theirs. */
function layOut({ tensors, values }, only, weightType) {
  return Object.entries(tensors)
    .filter(([name]) => name.startsWith(only))
    .map(([name, [storedType, shape]]) => {
      const type = tableTypes[storedType] ?? weightType;
      const count = shape.reduce((product, side) => product * side, 1);
      return { name, type, shape, length: count * type.bytes, values: values[name] };
    });
}

/** The length of the JSON text in eight bytes, and the text, filled up with blanks so that the data is aligned. */
function headerBytes(tensors) {
  const entries = {};
  let offset = 0;
  for (const { name, type, shape, length } of tensors) {
    entries[name] = { dtype: type.name, shape, data_offsets: [offset, offset + length] };
    offset += length;
  }
  const text = JSON.stringify(entries);
  const padded = text.padEnd(Math.ceil(Buffer.byteLength(text) / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, Buffer.from(padded)]);
}

function writeTensor(output, tensor, source) {
  if (tensor.values) return void fs.writeSync(output, encode(tensor.values, tensor.type.name));
  for (let written = 0; written < tensor.length;) {
    written += fs.writeSync(output, source.bytes(tensor, written, Math.min(CHUNK_BYTES, tensor.length - written)));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { type: { type: 'string', default: 'fp16' }, seed: { type: 'string', default: '1' }, folder: { type: 'string' } },
  });
  const unknown = positionals.filter((name) => !fullSizeNames().includes(name));
  if (positionals.length === 0 || unknown.length > 0 || !Object.hasOwn(elementTypes, values.type)) {
    console.error(`Usage: node scripts/full-size.mjs <${fullSizeNames().join(' | ')}>… [--type ${Object.keys(elementTypes).join(' | ')}] [--seed 1] [--folder ${defaultFolder}]`); // prettier-ignore
    process.exit(1);
  }
  for (const name of positionals) {
    const file = writeFullSize(name, { ...values, seed: Number(values.seed) });
    console.log(`${file}  ${(fs.statSync(file).size / 2 ** 30).toFixed(2)} GiB`);
  }
}

import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { elementBits, tensor, type StoredType, type Tensor } from '@atelier/sdk';
import { CheckpointNotOpened, CheckpointUnreadable } from '../errors.js';
import { widenBfloat16, widenFloat16 } from '../narrow-floats.js';
import { PickleRefused } from './errors.js';
import { readPickle, type PickledTensor, type PickledValue, type Storage } from './pickle.js';
import { zipMembers } from './zip-members.js';

/** The largest file that is read. An embedding has less than a megabyte; what is larger is something else. */
const LARGEST_BYTES = 20_000_000;
/** How `torch.save` of PyTorch before 1.6 begins: this number as a pickle of its own. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/** A file that `torch.save` has written. */
export interface TorchFile {
  /** What was saved. */
  value: PickledValue;
  /** The numbers of a tensor in it, row by row, as float32. */
  read(tensor: PickledTensor): Tensor;
}

/**
 * Reads a file of PyTorch's, a zip archive or, from before 2020, pickles one after another. It is data to us and never a program.
 *
 * @throws PickleRefused | CheckpointUnreadable | CheckpointNotOpened
 */
export async function readTorchFile(file: string): Promise<TorchFile> {
  const bytes = await contentOf(file);
  const isZip = bytes.toString('latin1', 0, 4) === 'PK\u0003\u0004';
  const { value, storages } = isZip ? fromZip(bytes, file) : fromPickles(bytes, file);
  return {
    value,
    read({ storage, offset, shape, strides }) {
      const content = storages.get(storage.key);
      if (content?.length !== bytesIn(storage))
        throw new CheckpointUnreadable(file, `the numbers of storage "${storage.key}" are not whole.`);
      return tensor(shape, elements(numbersOf(storage.type, content), offset, shape, strides));
    },
  };
}

interface Saved {
  value: PickledValue;
  storages: ReadonlyMap<string, Buffer>;
}

async function contentOf(file: string): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const { size } = await handle.stat();
    if (size > LARGEST_BYTES) throw new PickleRefused(file, `has ${size} bytes, where no embedding has ${LARGEST_BYTES}`);
    return await handle.readFile();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw new CheckpointNotOpened(file, error as NodeJS.ErrnoException);
    throw error;
  } finally {
    await handle?.close();
  }
}

/** `<name>/data.pkl` is the pickle, `<name>/data/<key>` are the numbers of each storage. */
function fromZip(bytes: Buffer, file: string): Saved {
  const members = zipMembers(bytes, file);
  const pickles = [...members.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) throw new CheckpointUnreadable(file, `it holds ${pickles.length} pickles where one is due.`);
  const root = pickles[0].slice(0, -'data.pkl'.length);
  const order = members.get(`${root}byteorder`)?.toString() ?? 'little';
  if (order !== 'little') throw new CheckpointUnreadable(file, `its numbers are in the byte order "${order}".`);
  const { value } = readPickle(members.get(pickles[0])!, file);
  const inData = [...members].filter(([name]) => name.startsWith(`${root}data/`));
  return { value, storages: new Map(inData.map(([name, content]) => [name.slice(`${root}data/`.length), content])) };
}

/** Magic number, version, machine, what was saved, keys of the storages; then each of those, behind its count. */
function fromPickles(bytes: Buffer, file: string): Saved {
  let at = 0;
  const next = () => {
    const pickle = readPickle(bytes, file, at);
    at = pickle.end;
    return pickle;
  };
  if (next().value !== LEGACY_MAGIC) throw new CheckpointUnreadable(file, 'it was not written by PyTorch.');
  next();
  const machine = next().value;
  if (!(machine instanceof Map) || machine.get('little_endian') !== true)
    throw new CheckpointUnreadable(file, 'its byte order is unknown.');
  const { value, storages: declared } = next();
  const keys = next().value;
  const storages = new Map<string, Buffer>();
  for (const key of Array.isArray(keys) ? (keys as PickledValue[]) : []) {
    const storage = typeof key === 'string' ? declared.get(key) : undefined;
    if (!storage) throw new CheckpointUnreadable(file, 'it has numbers of which nothing says what they are.');
    const start = at + 8; // behind the count
    at = start + bytesIn(storage);
    if (at > bytes.length || bytes.readBigUInt64LE(start - 8) !== BigInt(storage.count)) {
      throw new CheckpointUnreadable(file, `the numbers of storage "${storage.key}" are not whole.`);
    }
    storages.set(storage.key, bytes.subarray(start, at));
  }
  return { value, storages };
}

function bytesIn({ type, count }: Storage): number {
  return (count * elementBits[type]) / 8;
}

function numbersOf(type: StoredType, content: Buffer): ArrayLike<number> {
  const bytes = new Uint8Array(content); // where numbers may begin anywhere, views of them may not
  switch (type) {
    case 'F64':
      return new Float64Array(bytes.buffer);
    case 'F32':
      return new Float32Array(bytes.buffer);
    case 'F16':
      return widenFloat16(new Uint16Array(bytes.buffer));
    case 'BF16':
      return widenBfloat16(new Uint16Array(bytes.buffer));
    case 'I64':
      return Float64Array.from(new BigInt64Array(bytes.buffer), Number);
    case 'I32':
      return new Int32Array(bytes.buffer);
    case 'I16':
      return new Int16Array(bytes.buffer);
    case 'I8':
      return new Int8Array(bytes.buffer);
    default:
      return bytes;
  }
}

function elements(numbers: ArrayLike<number>, offset: number, shape: readonly number[], strides: readonly number[]): Float32Array {
  const values = new Float32Array(shape.reduce((product, side) => product * side, 1));
  const index = shape.map(() => 0);
  for (let i = 0; i < values.length; i++) {
    values[i] = numbers[index.reduce((sum, at, axis) => sum + at * strides[axis], offset)];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return values;
}

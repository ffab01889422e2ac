import { open, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { elementBits, type StoredTensor, type StoredTensors, type StoredType } from '@atelier/sdk';
import { z } from 'zod';
import { CheckpointIsPickle, CheckpointNotOpened, CheckpointUnreadable, ContainerNotBuilt } from './errors.js';

/** What is in a `.safetensors` file. The values stay there. */
export interface Checkpoint {
  /** Absolute, with links resolved. */
  file: string;
  tensors: StoredTensors;
  metadata: ReadonlyMap<string, string>;
}

/** The reference library's bound. A header of a real model has less than a megabyte. */
const LARGEST_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
/** Endings under which pickles are sold. */
const PICKLE_ENDINGS = ['.ckpt', '.pt', '.pth', '.bin', '.pkl'];

/**
 * Reads the header of a `.safetensors` file: at most 100 MB, whatever the file claims.
 *
 * Accepts and refuses what the reference library (safetensors 0.8) does: the tensors must fill the file without gap or
 * overlap, and each must be as long as its shape and type say.
 *
 * @throws CheckpointUnreadable | CheckpointIsPickle | ContainerNotBuilt | CheckpointNotOpened
 */
export async function readCheckpoint(file: string): Promise<Checkpoint> {
  if (PICKLE_ENDINGS.includes(path.extname(file).toLowerCase())) throw new CheckpointIsPickle(file);
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const { size } = await handle.stat();
    const real = await realpath(file);
    return { file: real, ...parseHeader(await headerBytes(handle, size, file), size, real) };
  } catch (error) {
    if (isSystemError(error)) throw new CheckpointNotOpened(file, error);
    throw error;
  } finally {
    await handle?.close();
  }
}

async function headerBytes(handle: FileHandle, fileBytes: number, file: string): Promise<Uint8Array> {
  if (fileBytes === 0) throw new CheckpointUnreadable(file, 'it is empty.');
  const start = Buffer.alloc(Math.min(LENGTH_BYTES + 1, fileBytes));
  await readFully(handle, start, 0, file);
  refuseOtherContainers(start, file);
  if (fileBytes < LENGTH_BYTES) throw new CheckpointUnreadable(file, `it ends after ${fileBytes} bytes, before the header begins.`);
  const length = start.readBigUInt64LE(0);
  if (length > BigInt(LARGEST_HEADER_BYTES)) {
    throw new CheckpointUnreadable(file, `it claims a header of ${length} bytes; ${LARGEST_HEADER_BYTES} are allowed.`);
  }
  if (Number(length) > fileBytes - LENGTH_BYTES) {
    throw new CheckpointUnreadable(file, `it claims a header of ${length} bytes and is only ${fileBytes} bytes long.`);
  }
  const bytes = Buffer.alloc(Number(length));
  await readFully(handle, bytes, LENGTH_BYTES, file);
  return bytes;
}

async function readFully(handle: FileHandle, into: Uint8Array, position: number, file: string): Promise<void> {
  for (let filled = 0; filled < into.length;) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) throw new CheckpointUnreadable(file, 'it became shorter while it was being read.');
    filled += bytesRead;
  }
}

/** Names a renamed file for what it is. A header begins with "{" (after white space), which none of these do. */
function refuseOtherContainers(start: Buffer, file: string): void {
  if (start.toString('latin1', 0, 4) === 'GGUF') throw new ContainerNotBuilt(file, 'GGUF');
  if ('{ \n\r\t'.includes(start.toString('latin1', LENGTH_BYTES, LENGTH_BYTES + 1))) return; // also when it ends before that
  const isZip = start.toString('latin1', 0, 4) === 'PK\u0003\u0004';
  const isPickle = start[0] === 0x80 && start[1] >= 2 && start[1] <= 5; // PROTO 2 … 5
  if (isZip || isPickle) throw new CheckpointIsPickle(file);
}

const WholeNumber = z.int().nonnegative();
const Entry = z.object({
  dtype: z.enum(Object.keys(elementBits) as StoredType[]),
  shape: z.array(WholeNumber),
  data_offsets: z.tuple([WholeNumber, WholeNumber]),
});
const Metadata = z.record(z.string(), z.string());

function parseHeader(bytes: Uint8Array, fileBytes: number, file: string): Omit<Checkpoint, 'file'> {
  let metadata = new Map<string, string>();
  const tensors = new Map<string, StoredTensor>();
  const dataStart = LENGTH_BYTES + bytes.length;
  for (const [name, value] of Object.entries(parseObject(bytes, file))) {
    if (name === '__metadata__') {
      metadata = new Map(Object.entries(checked(Metadata, value, 'its metadata', file)));
      continue;
    }
    const { dtype, shape, data_offsets } = checked(Entry, value, `tensor "${name}"`, file);
    const [begin, end] = data_offsets;
    tensors.set(name, { name, file, type: dtype, shape, offset: dataStart + begin, length: end - begin });
  }
  checkLayout([...tensors.values()], dataStart, fileBytes, file);
  return { tensors, metadata };
}

function parseObject(bytes: Uint8Array, file: string): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new CheckpointUnreadable(file, 'its header is not JSON.', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CheckpointUnreadable(file, 'its header is not a JSON object.');
  return value;
}

function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string, file: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue.path.length > 0 ? ` (${issue.path.join('.')})` : '';
  throw new CheckpointUnreadable(file, `${what} is described wrongly${place}: ${issue.message}.`, { cause: parsed.error });
}

/** The tensors must lie one after another, from the header to the end of the file, each as long as it says. */
function checkLayout(tensors: readonly StoredTensor[], dataStart: number, fileBytes: number, file: string): void {
  let expected = dataStart;
  const inOrder = tensors.toSorted((a, b) => a.offset - b.offset || a.length - b.length);
  for (const { name, type, shape, offset, length } of inOrder) {
    if (length < 0) throw new CheckpointUnreadable(file, `tensor "${name}" ends before it begins.`);
    if (offset < expected) throw new CheckpointUnreadable(file, `tensor "${name}" overlaps another one.`);
    if (offset > expected) throw new CheckpointUnreadable(file, `there is a gap of ${offset - expected} bytes before tensor "${name}".`);
    const bits = shape.reduce((product, side) => product * side, elementBits[type]);
    if (!Number.isSafeInteger(bits))
      throw new CheckpointUnreadable(file, `tensor "${name}" claims the impossible shape [${shape.join(', ')}].`);
    if (bits !== length * 8) {
      throw new CheckpointUnreadable(file, `tensor "${name}" has ${length} bytes, but ${type} [${shape.join(', ')}] takes ${bits / 8}.`);
    }
    expected = offset + length;
  }
  if (expected > fileBytes) {
    throw new CheckpointUnreadable(
      file,
      `it is cut off: ${fileBytes} bytes of ${expected}, tensor "${inOrder.at(-1)?.name}" is not whole.`,
    );
  }
  if (expected < fileBytes) throw new CheckpointUnreadable(file, `${fileBytes - expected} bytes at its end belong to no tensor.`);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

import { fail, tensor, type Tensor } from '@atelier/sdk';
import path from 'node:path';
import { readTensor } from '../read-tensor.js';
import { readCheckpoint } from '../safetensors-header.js';
import { NotAnEmbedding } from './errors.js';
import { PickledObject, PickledTensor, type PickledValue } from './pickle.js';
import { readTorchFile } from './torch-file.js';

/** Tokens that a text encoder reads at once; an embedding that takes more fits into no prompt. */
const MOST_VECTORS = 75;
/** Twice what the widest text encoder has. */
const LARGEST_WIDTH = 8192;

/** A word that was learned from pictures (Gal et al. 2022): rows that a text encoder reads in place of those of its own words. */
export interface Embedding {
  /** How many tokens it stands for. */
  vectors: number;
  /** [vectors, width]: one, or for models with two text encoders the row of CLIP-L and that of CLIP-G. */
  rows: { only: Tensor } | { clipL: Tensor; clipG: Tensor };
  /** What A1111 writes of the training. */
  training: { steps: number | null; checkpointHash: string | null; checkpoint: string | null };
}

/** A tensor whose values are still to be read. */
interface Found {
  shape: readonly number[];
  read(): Tensor | Promise<Tensor>;
}

/**
 * Reads an embedding: `.safetensors`, and the pickles of A1111, diffusers and the paper's authors, which are not executed.
 *
 * @throws NotAnEmbedding | PickleRefused | CheckpointUnreadable | CheckpointNotOpened
 */
export async function readEmbedding(file: string): Promise<Embedding> {
  const isSafetensors = path.extname(file).toLowerCase() === '.safetensors';
  const { tensors, training } = isSafetensors ? await fromSafetensors(file) : await fromPickle(file);
  const [clipL, clipG] = [tensors.get('clip_l'), tensors.get('clip_g')];
  if (clipL && clipG) {
    const rows = { clipL: await rowsOf(clipL, file), clipG: await rowsOf(clipG, file) };
    const [vectors] = rows.clipL.shape;
    if (rows.clipG.shape[0] !== vectors) throw new NotAnEmbedding(file, 'its two tensors stand for different numbers of tokens');
    return { vectors, rows, training };
  }
  const [only, ...others] = [...tensors.values()];
  if (only === undefined || others.length > 0) throw new NotAnEmbedding(file, `it holds ${tensors.size} tensors`);
  const rows = await rowsOf(only, file);
  return { vectors: rows.shape[0], rows: { only: rows }, training };
}

interface Contents {
  tensors: ReadonlyMap<string, Found>;
  training: Embedding['training'];
}

async function fromSafetensors(file: string): Promise<Contents> {
  const { tensors } = await readCheckpoint(file);
  const found = [...tensors].map(([name, stored]) => [name, { shape: stored.shape, read: () => readTensor(stored) }] as const);
  return { tensors: new Map(found), training: { steps: null, checkpointHash: null, checkpoint: null } };
}

async function fromPickle(file: string): Promise<Contents> {
  const saved = await readTorchFile(file);
  const content = entriesOf(saved.value) ?? fail(new NotAnEmbedding(file, 'it holds no tensors by name'));
  const learned = content.get('string_to_param');
  const named =
    learned === undefined ? content : (entriesOf(learned) ?? fail(new NotAnEmbedding(file, 'its "string_to_param" holds no tensors')));
  const tensors = new Map<string, Found>();
  for (const [name, value] of named) {
    if (typeof name === 'string' && value instanceof PickledTensor)
      tensors.set(name, { shape: value.shape, read: () => saved.read(value) });
  }
  const text = (key: string) => textOr(content.get(key));
  const steps = content.get('step');
  return {
    tensors,
    training: {
      steps: Number.isSafeInteger(steps) ? (steps as number) : null,
      checkpointHash: text('sd_checkpoint'),
      checkpoint: text('sd_checkpoint_name'),
    },
  };
}

function textOr(value: PickledValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

/** What a dictionary, or PyTorch's `ParameterDict`, holds by name. */
function entriesOf(value: PickledValue): ReadonlyMap<PickledValue, PickledValue> | undefined {
  if (value instanceof Map) return value as ReadonlyMap<PickledValue, PickledValue>;
  if (!(value instanceof PickledObject) || !(value.state instanceof Map)) return undefined;
  const parameters = (value.state as ReadonlyMap<PickledValue, PickledValue>).get('_parameters');
  return parameters instanceof Map ? (parameters as ReadonlyMap<PickledValue, PickledValue>) : undefined;
}

async function rowsOf({ shape, read }: Found, file: string): Promise<Tensor> {
  const [vectors, width] = shape.length === 1 ? [1, shape[0]] : shape;
  if (shape.length > 2 || !vectors || !width) throw new NotAnEmbedding(file, `its tensor has the shape [${shape.join(', ')}]`);
  if (width > LARGEST_WIDTH) throw new NotAnEmbedding(file, `its rows have ${width} numbers, more than any text encoder's`);
  if (vectors > MOST_VECTORS) throw new NotAnEmbedding(file, `it takes ${vectors} tokens, where ${MOST_VECTORS} are read at once`);
  const { data } = await read();
  return tensor([vectors, width], data);
}

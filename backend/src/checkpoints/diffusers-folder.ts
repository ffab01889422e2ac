import { access, open, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { fail, type Component, type StoredTensor, type StoredTensors, type TextEncoderKind } from '@atelier/sdk';
import { z } from 'zod';
import { componentsOf } from './components.js';
import { CheckpointIncomplete, CheckpointIsPickle, CheckpointNotOpened, CheckpointUnreadable } from './errors.js';
import type { ModelFile } from './model-file.js';
import { readCheckpoint, type Checkpoint } from './safetensors-header.js';

/** The file by which a folder says that it is one model, and of which parts. */
export const MODEL_INDEX = 'model_index.json';

const denoisers = ['unet', 'transformer'];
const textEncoders = ['text_encoder', 'text_encoder_2', 'text_encoder_3'];
/**
 * Weights as diffusers and transformers name them, alone or as a list of shards: `model.safetensors`, `model.fp16.safetensors`,
 * `model.safetensors.index.json`, `model.safetensors.index.fp16.json`.
 */
const WEIGHTS = /^(?:diffusion_pytorch_model|model)(?:\.([\w-]+))?\.safetensors(\.index(?:\.([\w-]+))?\.json)?$/;
const SHARD = /-\d+-of-\d+\.safetensors$/;
/** No list of shards and no index is nearly so long. */
const LARGEST_JSON_BYTES = 50_000_000;

const ModelIndex = z.record(z.string(), z.unknown());
/** What the model was trained on; most of what else it says is a sampler's choice. */
const SchedulerConfig = z.object({
  _class_name: z.string(),
  prediction_type: z.string().optional(),
  rescale_betas_zero_snr: z.boolean().optional(),
});
/** Which file of the folder each tensor is in. */
const ShardIndex = z.object({ weight_map: z.record(z.string(), z.string()) });

/** Weights of one part: a file, or a list of files. */
interface Weights {
  file: string;
  isSharded: boolean;
  /** What people call a copy of the same weights in another form: `fp16`. */
  variant: string | null;
}

/**
 * Reads a folder that diffusers has written as the one model that it is: `unet` or `transformer`, `vae` and text encoders, each in a folder
 * of its own, and what its scheduler says of it. Of weights that are there in several variants those without one are taken; `notes` says so.
 *
 * @throws CheckpointUnreadable | CheckpointIncomplete | CheckpointIsPickle | CheckpointNotOpened
 */
export async function readDiffusersFolder(folder: string): Promise<ModelFile> {
  const root = await realpath(folder).catch((cause: NodeJS.ErrnoException) => fail(new CheckpointNotOpened(folder, cause)));
  const index = await readJson(path.join(root, MODEL_INDEX), ModelIndex);
  const isThere = (part: string) => Object.hasOwn(index, part) && !isNothing(index[part]);
  const denoiser = denoisers.find(isThere);
  if (denoiser === undefined) throw new CheckpointIncomplete(folder, `its ${MODEL_INDEX} names neither ${denoisers.join(' nor ')}.`);

  const notes: string[] = [];
  const tensors = new Map<string, StoredTensor>();
  const read = async (part: string) => {
    const checkpoint = await readPart(path.join(root, part), part, notes);
    for (const [name, stored] of checkpoint?.tensors ?? []) tensors.set(`${part}.${name}`, stored);
    return checkpoint;
  };
  const main = await read(denoiser);
  if (!main) throw new CheckpointIncomplete(folder, `it has no weights in "${denoiser}".`);
  const vae = isThere('vae') ? await read('vae') : undefined;
  const encoders = new Map<TextEncoderKind, Component>();
  for (const part of textEncoders.filter(isThere)) {
    const encoder = await read(part);
    for (const [kind, component] of encoder ? componentsOf(encoder).textEncoders : []) encoders.set(kindIn(part, kind), component);
  }
  const { model, markers } = componentsOf(main);
  return {
    file: root,
    components: { model, textEncoders: encoders, vae: vae && componentsOf(vae).vae, markers },
    tensors,
    metadata: new Map([...main.metadata, ...(isThere('scheduler') ? await schedulerMetadata(root) : [])]),
    notes,
  };
}

/** As metadata below `scheduler.`, under the names that diffusers has for it. */
async function schedulerMetadata(root: string): Promise<[string, string][]> {
  const file = path.join(root, 'scheduler/scheduler_config.json');
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  const said = Object.entries(await readJson(file, SchedulerConfig));
  return said.map(([name, value]) => [`scheduler.${name}`, String(value)]);
}

/** `[null, null]` stands for a part that this model does without. */
function isNothing(part: unknown): boolean {
  return Array.isArray(part) && part.every((each) => each === null);
}

/** A second CLIP is always OpenCLIP's G, however shallow it is. */
function kindIn(part: string, kind: TextEncoderKind): TextEncoderKind {
  return part === 'text_encoder_2' && kind !== 't5' ? 'clip-g' : kind;
}

/** Undefined when the folder is not there or empty: people leave parts out that they have elsewhere. */
async function readPart(folder: string, part: string, notes: string[]): Promise<Checkpoint | undefined> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) =>
    cause.code === 'ENOENT' ? [] : fail(new CheckpointNotOpened(folder, cause)),
  );
  const found = names.flatMap(weightsCalled);
  const [chosen, ...others] = found.toSorted(byPreference);
  if (!chosen) {
    const pickle = names.find((name) => name.endsWith('.bin'));
    if (pickle) throw new CheckpointIsPickle(path.join(folder, pickle));
    return undefined;
  }
  if (others.length > 0) notes.push(`Of "${part}", ${chosen.file} is used, not ${others.map(({ file }) => file).join(', ')}.`);
  const file = path.join(folder, chosen.file);
  return chosen.isSharded ? await readShards(folder, file) : await readCheckpoint(file);
}

/** What a name says of weights, if it is one of theirs. A shard is found by its list. */
function weightsCalled(file: string): Weights[] {
  const [, variant, list, variantOfList] = WEIGHTS.exec(file) ?? [];
  if (!WEIGHTS.test(file) || SHARD.test(file)) return [];
  return [{ file, isSharded: list !== undefined, variant: variant ?? variantOfList ?? null }];
}

/** Without a variant first; of several, by their names. */
function byPreference(a: Weights, b: Weights): number {
  return Number(a.variant !== null) - Number(b.variant !== null) || a.file.localeCompare(b.file);
}

/** The tensors of several files as those of one network, which is named by its folder. */
async function readShards(folder: string, indexFile: string): Promise<Checkpoint> {
  const { weight_map } = await readJson(indexFile, ShardIndex);
  const shards = new Map<string, StoredTensors>();
  for (const shard of new Set(Object.values(weight_map))) {
    if (path.basename(shard) !== shard || shard.includes('\\') || !shard.endsWith('.safetensors'))
      throw new CheckpointUnreadable(indexFile, `it names "${shard}", which is not a .safetensors file beside it.`);
    shards.set(shard, (await readCheckpoint(path.join(folder, shard))).tensors);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, shard] of Object.entries(weight_map)) {
    const stored = shards.get(shard)!.get(name);
    if (!stored) throw new CheckpointUnreadable(indexFile, `it says that "${shard}" holds "${name}", which it does not.`);
    tensors.set(name, stored);
  }
  return { file: folder, tensors, metadata: new Map() };
}

async function readJson<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.output<Schema>> {
  const handle = await open(file, 'r').catch((cause: NodeJS.ErrnoException) => fail(new CheckpointNotOpened(file, cause)));
  try {
    const { size } = await handle.stat();
    if (size > LARGEST_JSON_BYTES) throw new CheckpointUnreadable(file, `it has ${size} bytes; ${LARGEST_JSON_BYTES} are allowed.`);
    return schema.parse(JSON.parse(await handle.readFile('utf8')));
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof z.ZodError)
      throw new CheckpointUnreadable(file, cause instanceof SyntaxError ? 'it is not JSON.' : 'it does not say what it should.', { cause });
    throw cause;
  } finally {
    await handle.close();
  }
}

import { access } from 'node:fs/promises';
import path from 'node:path';
import { AppError, fail, type Component, type ModelPlan, type ModelTraits, type TextEncoderKind } from '@atelier/sdk';
import type { Components } from '../checkpoints/components.js';
import { readModelFile } from '../checkpoints/model-file.js';
import { autoencoderConfig } from '../model-families/vae/autoencoder.js';
import { modelFiles, sidecarVaeOf, type FolderKind } from './model-folders.js';

/** A network that the model cannot do without is in none of its files. */
export class PartMissing extends AppError {
  readonly code = 'model-part-missing';
  constructor(checkpoint: string, part: string, known: readonly string[], folder: string) {
    const choice = known.length > 0 ? `Choose one: ${known.join(', ')}.` : `Put one into ${folder} and choose it.`;
    super(`"${checkpoint}" has no ${part} of its own, and none was chosen.`, choice);
  }
}

/** A VAE or text encoder was asked for by a name that no file has. */
export class PartNotFound extends AppError {
  readonly code = 'model-part-not-found';
  override readonly kind = 'not-found';
  constructor(what: string, wanted: string, known: readonly string[], folder: string) {
    const hint = known.length > 0 ? `Known: ${known.join(', ')}.` : `Put it into ${folder}.`;
    super(`No ${what} is called "${wanted}".`, hint);
  }
}

/** A file was chosen for a part of the model that it does not hold, or that does not fit. */
export class PartDoesNotFit extends AppError {
  readonly code = 'model-part-does-not-fit';
  constructor(what: string, name: string, reason: string) {
    super(`"${name}" cannot be the ${what}: ${reason}.`, 'Choose another file, or leave the choice out.');
  }
}

/** What a diffusion model needs around it, and from which files it was taken. */
export interface ModelParts {
  vae: Component;
  /** Name of the VAE file that was chosen or lay beside the checkpoint; null for the checkpoint's own. */
  vaeName: string | null;
  textEncoders: ReadonlyMap<TextEncoderKind, Component>;
}

export const encoderNames: Record<TextEncoderKind, string> = {
  'clip-l': 'CLIP-L text encoder',
  'clip-h': 'OpenCLIP-H text encoder',
  'clip-g': 'OpenCLIP-G text encoder',
  t5: 'T5 text encoder',
};

/** How files of a kind are called in messages, and where they belong. */
const places = {
  vae: { what: 'VAE', folder: 'models/vae' },
  textEncoders: { what: 'text encoder', folder: 'models/text_encoders' },
} satisfies Partial<Record<FolderKind, unknown>>;

/**
 * Gathers a model's VAE and text encoders: those that were asked for, the VAE beside the checkpoint, the checkpoint's own.
 *
 * @throws PartMissing | PartNotFound | PartDoesNotFit
 */
export async function gatherParts(
  plan: ModelPlan,
  checkpoint: { file: string; components: Components; traits: ModelTraits },
  modelsFolders: readonly string[],
): Promise<ModelParts> {
  const { components, traits } = checkpoint;
  const textEncoders = new Map(components.textEncoders);
  for (const name of plan.textEncoders) {
    const file = await readModelFile(await fileCalled(name, 'textEncoders', modelsFolders));
    if (file.components.textEncoders.size === 0) throw new PartDoesNotFit('text encoder', name, 'it holds none');
    for (const [kind, encoder] of file.components.textEncoders) textEncoders.set(kind, encoder);
  }
  for (const { kind, isOptional } of traits.textEncoders) {
    if (isOptional || textEncoders.has(kind)) continue;
    throw new PartMissing(plan.checkpoint, encoderNames[kind], await namesOf('textEncoders', modelsFolders), places.textEncoders.folder);
  }

  const { file, name } = await vaeFileOf(plan, checkpoint.file, modelsFolders);
  const vae = file === null ? components.vae : (await readModelFile(file)).components.vae;
  if (!vae && file !== null) throw new PartDoesNotFit('VAE', path.basename(file), 'it holds none');
  if (!vae) throw new PartMissing(plan.checkpoint, 'VAE', await namesOf('vae', modelsFolders), places.vae.folder);
  const { channels } = autoencoderConfig(vae);
  if (channels !== traits.latent.channels) {
    const reason = `its latents have ${channels} channels, those of ${traits.label} have ${traits.latent.channels}`;
    throw new PartDoesNotFit('VAE', name ?? plan.checkpoint, reason);
  }
  return { vae, vaeName: name, textEncoders };
}

/** The file that the VAE is taken from; null for the checkpoint itself. */
async function vaeFileOf(
  { vae }: ModelPlan,
  checkpointFile: string,
  modelsFolders: readonly string[],
): Promise<{ file: string | null; name: string | null }> {
  if (vae !== 'auto') return { file: await fileCalled(vae, 'vae', modelsFolders), name: vae };
  const sidecar = sidecarVaeOf(checkpointFile);
  const isThere = await access(sidecar).then(
    () => true,
    () => false,
  );
  return isThere ? { file: sidecar, name: path.parse(sidecar).name } : { file: null, name: null };
}

async function fileCalled(name: string, kind: keyof typeof places, modelsFolders: readonly string[]): Promise<string> {
  const files = await modelFiles(modelsFolders, kind);
  const { what, folder } = places[kind];
  const found = files.find((each) => each.name === name);
  return (found ?? fail(new PartNotFound(what, name, [...new Set(files.map((each) => each.name))], folder))).file;
}

async function namesOf(kind: keyof typeof places, modelsFolders: readonly string[]): Promise<string[]> {
  return [...new Set((await modelFiles(modelsFolders, kind)).map(({ name }) => name))];
}

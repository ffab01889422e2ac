import { access } from 'node:fs/promises';
import path from 'node:path';
import { AppError, fail, type Component, type ModelPlan, type ModelTraits, type TextEncoderKind } from '@atelier/sdk';
import type { Components } from '../checkpoints/components.js';
import { readModelFile } from '../checkpoints/model-file.js';
import { fullVae, type Vae } from '../model-families/vae/vae.js';
import { modelFiles, sidecarVaeOf, type FolderKind } from './model-folders.js';
import { findTinyAutoencoder, tinyAutoencoderNames } from './tiny-autoencoders.js';

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
  vae: Vae;
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

  const { vae, name } = await vaeOf(plan, checkpoint, modelsFolders);
  if (vae.channels !== traits.latent.channels) {
    const reason = `its latents have ${vae.channels} channels, those of ${traits.label} have ${traits.latent.channels}`;
    throw new PartDoesNotFit('VAE', name ?? plan.checkpoint, reason);
  }
  return { vae, vaeName: name, textEncoders };
}

/** Names of all that can be chosen as VAE. */
async function vaeNames(modelsFolders: readonly string[]): Promise<string[]> {
  return [...(await namesOf('vae', modelsFolders)), ...(await tinyAutoencoderNames(modelsFolders))];
}

/** The VAE that was chosen, the one beside the checkpoint, or the checkpoint's own, whose name is null. */
async function vaeOf(
  { vae: wanted, checkpoint: checkpointName }: ModelPlan,
  { file: checkpointFile, components }: { file: string; components: Components },
  modelsFolders: readonly string[],
): Promise<{ vae: Vae; name: string | null }> {
  if (wanted !== 'auto') {
    const found = (await modelFiles(modelsFolders, 'vae')).find(({ name }) => name === wanted);
    const vae = found ? await vaeIn(found.file) : await findTinyAutoencoder(wanted, modelsFolders);
    return { vae: vae ?? fail(new PartNotFound('VAE', wanted, await vaeNames(modelsFolders), places.vae.folder)), name: wanted };
  }
  const sidecar = sidecarVaeOf(checkpointFile);
  const isThere = await access(sidecar).then(
    () => true,
    () => false,
  );
  if (isThere) return { vae: await vaeIn(sidecar), name: path.parse(sidecar).name };
  const own = components.vae ?? fail(new PartMissing(checkpointName, 'VAE', await vaeNames(modelsFolders), places.vae.folder));
  return { vae: fullVae(own), name: null };
}

async function vaeIn(file: string): Promise<Vae> {
  const { vae } = (await readModelFile(file)).components;
  return fullVae(vae ?? fail(new PartDoesNotFit('VAE', path.basename(file), 'it holds none')));
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

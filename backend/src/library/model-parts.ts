import path from 'node:path';
import { fail, ReportedError, type AppError, type Component, type ModelPlan, type TextEncoderKind } from '@atelier/sdk';
import type { MissingPart, ModelPart, TextEncoderEntry, VaeEntry } from '@atelier/sdk/contracts';
import { fullVae, type Vae } from '../model-families/vae/vae.js';
import { factsOf, type CheckpointFacts, type DiffusionModel } from './checkpoint-facts.js';
import type { ModelFolders } from './model-folders.js';
import { PartDoesNotFit, PartMissing, PartNotFound, PreferredVaeNotFound } from './part-errors.js';
import { textEncoderEntries, textEncodersIn, vaeEntries, vaeIn } from './part-files.js';
import { stemOf, type Sidecars } from './sidecars.js';
import { findTinyAutoencoder } from './tiny-autoencoders.js';

/** What a diffusion model needs around it, and from which files it was taken. */
export interface ModelParts {
  vae: Vae;
  /** Name of the VAE file that was chosen or lay beside the checkpoint; null for the checkpoint's own. */
  vaeName: string | null;
  textEncoders: ReadonlyMap<TextEncoderKind, Component>;
}

/** The VAEs and text encoders that can be chosen, by what they hold. */
export interface PartFiles {
  vaes: readonly VaeEntry[];
  textEncoders: readonly TextEncoderEntry[];
}

/** What lies in the models folders at present. Headers are read, no weights. */
export async function findPartFiles(folders: ModelFolders): Promise<PartFiles> {
  const [vaes, textEncoders] = await Promise.all([vaeEntries(folders), textEncoderEntries(folders)]);
  return { vaes, textEncoders };
}

type VaeFile = Pick<VaeEntry, 'name' | 'file' | 'isTiny'>;

/** What decides which VAE and text encoders a checkpoint is used with. */
interface Holder {
  name: string;
  file: string;
  latentChannels: number | null;
  parts: readonly ModelPart[];
}

/** Which parts a checkpoint does not hold, though it needs or could use them, and what each could be taken from. */
export function missingParts(
  checkpoint: Holder & Pick<CheckpointFacts, 'reads'>,
  sidecars: Sidecars,
  files: PartFiles,
): { automaticVae: string | null; missing: MissingPart[] } {
  const { name, parts, reads, latentChannels } = checkpoint;
  const missing = reads
    .filter(({ kind }) => !parts.includes(kind))
    .map(({ kind, isOptional = false }) => {
      const choices = choicesFor(kind, latentChannels, files);
      return { part: kind, isOptional, choices, ...words(new PartMissing(name, kind, choices)) };
    });
  try {
    return { automaticVae: automaticVae(checkpoint, sidecars, files)?.name ?? null, missing };
  } catch (error) {
    if (!(error instanceof PartMissing || error instanceof PreferredVaeNotFound)) throw error;
    const choices = choicesFor('vae', latentChannels, files);
    return { automaticVae: null, missing: [{ part: 'vae', isOptional: false, choices, ...words(error) }, ...missing] };
  }
}

function words({ message, hint }: AppError): { message: string; hint: string } {
  return { message, hint };
}

/**
 * The VAE that is taken when none was chosen: the one that `<stem>.json` prefers, the one that lies beside the checkpoint, or the checkpoint's
 * own, for which there is no file.
 *
 * @throws PartMissing | PreferredVaeNotFound
 */
function automaticVae(checkpoint: Holder, { preferredVae, vaeFile }: Sidecars, files: PartFiles): VaeFile | null {
  if (preferredVae && preferredVae !== 'None') {
    const found = files.vaes.filter((vae) => [vae.name, path.basename(vae.file)].includes(preferredVae));
    return found.length === 1 ? found[0] : fail(new PreferredVaeNotFound(`${stemOf(checkpoint.file)}.json`, preferredVae, found.length));
  }
  if (vaeFile && !preferredVae) return { name: path.parse(vaeFile).name, file: vaeFile, isTiny: false };
  return ownVae(checkpoint, files);
}

/** The checkpoint's own, for which there is no file. */
function ownVae({ name, parts, latentChannels }: Holder, files: PartFiles): null {
  if (!parts.includes('vae')) throw new PartMissing(name, 'vae', choicesFor('vae', latentChannels, files));
  return null;
}

/** Names of the files that hold such a part; of VAEs, those whose latents have as many channels. */
function choicesFor(part: ModelPart, latentChannels: number | null, { vaes, textEncoders }: PartFiles): string[] {
  if (part === 'vae') return vaes.filter((vae) => vae.latentChannels === latentChannels).map(({ name }) => name);
  return textEncoders.filter(({ kinds }) => kinds.includes(part)).map(({ name }) => name);
}

/**
 * Gathers a model's VAE and text encoders: those that were asked for, the VAE beside the checkpoint, the checkpoint's own.
 *
 * @throws PartMissing | PartNotFound | PartDoesNotFit
 */
export async function gatherParts(
  plan: ModelPlan,
  { file, model, sidecars }: { file: string; model: DiffusionModel; sidecars: Sidecars },
  folders: ModelFolders,
): Promise<ModelParts> {
  const { traits } = model;
  const { components } = model.file;
  const { parts, latentChannels } = factsOf(model);
  const files = await findPartFiles(folders);
  const textEncoders = new Map(components.textEncoders);
  for (const name of plan.textEncoders) {
    const { file } = entryCalled(name, 'text encoder', 'models/text_encoders', files.textEncoders);
    for (const [kind, encoder] of await textEncodersIn(file)) textEncoders.set(kind, encoder);
  }
  for (const { kind, isOptional } of traits.textEncoders) {
    if (!isOptional && !textEncoders.has(kind)) throw new PartMissing(plan.checkpoint, kind, choicesFor(kind, latentChannels, files));
  }
  const vaeFile = vaeFileFor(plan, { name: plan.checkpoint, file, parts, latentChannels }, sidecars, files);
  const vae = vaeFile ? await openVae(vaeFile, folders) : fullVae(components.vae!); // null says that it is there
  const name = vaeFile?.name ?? null;
  if (vae.channels !== traits.latent.channels) {
    const reason = `its latents have ${vae.channels} channels, those of ${traits.label} have ${traits.latent.channels}`;
    throw new PartDoesNotFit('VAE', name ?? plan.checkpoint, reason);
  }
  return { vae, vaeName: name, textEncoders };
}

function vaeFileFor({ vae }: ModelPlan, checkpoint: Holder, sidecars: Sidecars, files: PartFiles): VaeFile | null {
  if (vae === 'auto') return automaticVae(checkpoint, sidecars, files);
  if (vae === 'own') return ownVae(checkpoint, files);
  return entryCalled(vae, 'VAE', 'models/vae', files.vaes);
}

async function openVae({ name, file, isTiny }: VaeFile, folders: ModelFolders): Promise<Vae> {
  return isTiny ? (await findTinyAutoencoder(name, folders))! : await vaeIn(file);
}

function entryCalled<Entry extends VaeEntry | TextEncoderEntry>(
  name: string,
  what: string,
  folder: string,
  entries: readonly Entry[],
): Entry {
  const known = entries.map((entry) => entry.name);
  const found = entries.find((entry) => entry.name === name) ?? fail(new PartNotFound(what, name, known, folder));
  if (found.problem) throw new ReportedError(found.problem);
  return found;
}

import { access } from 'node:fs/promises';
import path from 'node:path';
import { fail, ReportedError, type Component, type ModelPlan, type ModelTraits, type TextEncoderKind } from '@atelier/sdk';
import type { MissingPart, ModelPart, TextEncoderEntry, VaeEntry } from '@atelier/sdk/contracts';
import type { Components } from '../checkpoints/components.js';
import { fullVae, type Vae } from '../model-families/vae/vae.js';
import type { CheckpointFacts } from './checkpoint-facts.js';
import { sidecarVaeOf, type ModelFolders } from './model-folders.js';
import { PartDoesNotFit, PartMissing, PartNotFound } from './part-errors.js';
import { textEncoderEntries, textEncodersIn, vaeEntries, vaeIn } from './part-files.js';
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

/** Which parts a checkpoint does not hold, though it needs or could use them, and what each could be taken from. */
export async function missingParts(checkpoint: { name: string; file: string } & CheckpointFacts, files: PartFiles): Promise<MissingPart[]> {
  const { name, file, parts, reads, latentChannels } = checkpoint;
  const hasVae = latentChannels === null || parts.includes('vae') || (await isThere(sidecarVaeOf(file)));
  const wanted = [...(hasVae ? [] : [{ kind: 'vae' as const, isOptional: false }]), ...reads.filter(({ kind }) => !parts.includes(kind))];
  return wanted.map(({ kind: part, isOptional = false }) => {
    const choices = choicesFor(part, latentChannels, files);
    const { message, hint } = new PartMissing(name, part, choices);
    return { part, isOptional, choices, message, hint };
  });
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
  checkpoint: { file: string; components: Components; traits: ModelTraits },
  folders: ModelFolders,
): Promise<ModelParts> {
  const { components, traits } = checkpoint;
  const files = await findPartFiles(folders);
  const missing = (part: ModelPart) => new PartMissing(plan.checkpoint, part, choicesFor(part, traits.latent.channels, files));
  const textEncoders = new Map(components.textEncoders);
  for (const name of plan.textEncoders) {
    const { file } = entryCalled(name, 'text encoder', 'models/text_encoders', files.textEncoders);
    for (const [kind, encoder] of await textEncodersIn(file)) textEncoders.set(kind, encoder);
  }
  for (const { kind, isOptional } of traits.textEncoders) {
    if (!isOptional && !textEncoders.has(kind)) throw missing(kind);
  }
  const { vae, name } = (await chosenVae(plan, checkpoint.file, files, folders)) ?? {
    vae: fullVae(components.vae ?? fail(missing('vae'))),
    name: null,
  };
  if (vae.channels !== traits.latent.channels) {
    const reason = `its latents have ${vae.channels} channels, those of ${traits.label} have ${traits.latent.channels}`;
    throw new PartDoesNotFit('VAE', name ?? plan.checkpoint, reason);
  }
  return { vae, vaeName: name, textEncoders };
}

/** The VAE that was chosen, or the one beside the checkpoint. */
async function chosenVae(
  { vae: wanted }: ModelPlan,
  checkpointFile: string,
  { vaes }: PartFiles,
  folders: ModelFolders,
): Promise<{ vae: Vae; name: string } | undefined> {
  if (wanted !== 'auto') {
    const { file, isTiny } = entryCalled(wanted, 'VAE', 'models/vae', vaes);
    return { vae: isTiny ? (await findTinyAutoencoder(wanted, folders))! : await vaeIn(file), name: wanted };
  }
  const sidecar = sidecarVaeOf(checkpointFile);
  return (await isThere(sidecar)) ? { vae: await vaeIn(sidecar), name: path.parse(sidecar).name } : undefined;
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

async function isThere(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

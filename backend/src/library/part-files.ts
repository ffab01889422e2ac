import path from 'node:path';
import { fail, reportOf } from '@atelier/sdk';
import type { TextEncoderEntry, VaeEntry } from '@atelier/sdk/contracts';
import type { Components } from '../checkpoints/components.js';
import { readModelFile } from '../checkpoints/model-file.js';
import { fullVae, type Vae } from '../model-families/vae/vae.js';
import { PartDoesNotFit } from './part-errors.js';
import { firstUsable, modelFiles, type FoundFile, type ModelFolders } from './model-folders.js';
import { findTinyAutoencoder, tinyAutoencoders } from './tiny-autoencoders.js';

/** All that can be chosen as VAE, the tiny autoencoders last. Of several with one name, the first that can be used. */
export async function vaeEntries(folders: ModelFolders): Promise<VaeEntry[]> {
  const full = (await modelFiles(folders, 'vae')).map((found) => vaeEntry(found, false, () => vaeIn(found.file)));
  const tiny = (await tinyAutoencoders(folders)).map((found) =>
    vaeEntry(found, true, async () => (await findTinyAutoencoder(found.name, folders))!),
  );
  return firstUsable(await Promise.all([...full, ...tiny]));
}

/** All files that can be chosen for their text encoders. */
export async function textEncoderEntries(folders: ModelFolders): Promise<TextEncoderEntry[]> {
  const found = await modelFiles(folders, 'textEncoders');
  return firstUsable(await Promise.all(found.map(textEncoderEntry)));
}

/**
 * The VAE in a file that holds one, alone or among other networks.
 *
 * @throws PartDoesNotFit, or the file's own problem.
 */
export async function vaeIn(file: string): Promise<Vae> {
  const { vae } = (await readModelFile(file)).components;
  return fullVae(vae ?? fail(new PartDoesNotFit('VAE', path.basename(file), 'it holds none')));
}

/**
 * The text encoders in a file, of which there is one at least.
 *
 * @throws PartDoesNotFit, or the file's own problem.
 */
export async function textEncodersIn(file: string): Promise<Components['textEncoders']> {
  const { textEncoders } = (await readModelFile(file)).components;
  if (textEncoders.size === 0) throw new PartDoesNotFit('text encoder', path.basename(file), 'it holds none');
  return textEncoders;
}

async function vaeEntry({ name, file }: FoundFile, isTiny: boolean, read: () => Promise<Vae>): Promise<VaeEntry> {
  try {
    return { name, file, latentChannels: (await read()).channels, isTiny, problem: null };
  } catch (error) {
    return { name, file, latentChannels: null, isTiny, problem: reportOf(error) }; // shown beside the file wherever VAEs are listed
  }
}

async function textEncoderEntry({ name, file }: FoundFile): Promise<TextEncoderEntry> {
  try {
    return { name, file, kinds: [...(await textEncodersIn(file)).keys()], problem: null };
  } catch (error) {
    return { name, file, kinds: [], problem: reportOf(error) };
  }
}

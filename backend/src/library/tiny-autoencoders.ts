import { AppError, fail, type ModelTraits } from '@atelier/sdk';
import { readModelFile } from '../checkpoints/model-file.js';
import { tinyHalvesOf, tinyVae } from '../model-families/vae/tiny-autoencoder.js';
import type { Vae } from '../model-families/vae/vae.js';
import { modelFiles, type FoundFile, type ModelFolders } from './model-folders.js';

/** Previews are to be made by a tiny autoencoder that lies in none of the folders, or that nobody made for this sort of model. */
export class TinyAutoencoderNotFound extends AppError {
  readonly code = 'tiny-autoencoder-not-found';
  override readonly kind = 'not-found';
  constructor(label: string, name: string | undefined) {
    const other = 'choose another preview method in the settings';
    super(
      `Previews of ${label} are to be made by a tiny autoencoder, and there is ${name === undefined ? 'none for it' : `no ${name}_decoder.safetensors`}.`,
      name === undefined ? `Please ${other}.` : `Put it into models/vae_approx, or ${other}.`,
    );
  }
}

/** What ends the names of files that hold one half. */
const HALF = /_(encoder|decoder)$/;

/** The tiny autoencoders there are, each with its first file: `taesd` is what lies in `taesd_encoder` and `taesd_decoder`, or in one file called so. */
export async function tinyAutoencoders(folders: ModelFolders): Promise<FoundFile[]> {
  return [...(await filesByAutoencoder(folders))].map(([name, [{ file }]]) => ({ name, file }));
}

/** The tiny autoencoder of that name, of the halves there are. Undefined when there is none. */
export async function findTinyAutoencoder(name: string, folders: ModelFolders): Promise<Vae | undefined> {
  const files = (await filesByAutoencoder(folders)).get(name);
  if (!files) return undefined;
  const halves = await Promise.all(files.map(async ({ file }) => halvesIn(file)));
  const [encoder] = halves.flatMap((each) => each.encoder ?? []);
  const [decoder] = halves.flatMap((each) => each.decoder ?? []);
  return tinyVae(name, { encoder, decoder });
}

/**
 * The tiny autoencoder that goes with a sort of model, for previews.
 *
 * @throws TinyAutoencoderNotFound
 */
export async function tinyAutoencoderOf({ label, latent }: ModelTraits, folders: ModelFolders): Promise<Vae> {
  const name = latent.tinyAutoencoder;
  const found = name === undefined ? undefined : await findTinyAutoencoder(name, folders);
  return found ?? fail(new TinyAutoencoderNotFound(label, name));
}

async function halvesIn(file: string): Promise<ReturnType<typeof tinyHalvesOf>> {
  const { tensors, ...model } = await readModelFile(file);
  return tinyHalvesOf(model.file, tensors);
}

/** The files of each. Of several with one name, a `.safetensors` goes before what cannot be read; A1111's `model.pt` is no autoencoder. */
async function filesByAutoencoder(folders: ModelFolders): Promise<Map<string, FoundFile[]>> {
  const isReadable = ({ file }: FoundFile) => file.toLowerCase().endsWith('.safetensors');
  const found = await modelFiles(folders, 'vaeApprox');
  const inOrder = [...found.filter(isReadable), ...found.filter((each) => !isReadable(each) && HALF.test(each.name))];
  const files = new Map<string, FoundFile[]>();
  for (const each of inOrder) {
    const autoencoder = each.name.replace(HALF, '');
    const others = files.get(autoencoder) ?? [];
    if (!others.some(({ name }) => name === each.name)) files.set(autoencoder, [...others, each]);
  }
  return files;
}

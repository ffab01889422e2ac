import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from '@atelier/sdk';
import { parse } from 'yaml';
import { isModelFile } from './model-folders.js';

/** What people and other programs lay beside a checkpoint, under its name with other endings. */
export interface Sidecars {
  /** A text about it. */
  description: string | null;
  /** What is preferred as VAE in A1111's words: a file's name, or "None" for its own; null where nothing is said. */
  preferredVae: string | null;
  /** A VAE that belongs to it. */
  vaeFile: string | null;
  /** A picture that shows what it can do. */
  previewFile: string | null;
  /** Its configuration says that it was trained to answer v. */
  answersV: boolean;
  /** What was passed over, in sentences. */
  notes: string[];
}

/** A1111's user metadata: what its editor writes. */
const UserMetadata = z.looseObject({ description: z.string().optional(), vae: z.string().nullish() });

/** A configuration of the original program, as far as Forge reads it: `v` in older ones, a class in newer ones. */
const Configuration = z.object({
  model: z.object({
    params: z.object({
      parameterization: z.string().optional(),
      denoiser_config: z
        .object({ params: z.object({ scaling_config: z.object({ target: z.string() }).optional() }) })
        .optional()
        .catch(undefined),
    }),
  }),
});

const PREVIEWS = ['.preview.png', '.preview.jpg', '.preview.jpeg', '.preview.webp', '.png', '.jpg', '.jpeg', '.webp'];
const PICKLED_VAES = ['.vae.pt', '.vae.ckpt'];

/** The path that the names of everything beside a checkpoint begin with: without ending, of a folder as it is. */
export function stemOf(checkpoint: string): string {
  return isModelFile(checkpoint) ? checkpoint.slice(0, -path.extname(checkpoint).length) : checkpoint;
}

/**
 * Reads `<stem>.json`, `<stem>.yaml`, and finds `<stem>.vae.safetensors` and `<stem>.preview.png`. What cannot be understood is noted, not an
 * error: such files may be somebody else's.
 */
export async function readSidecars(checkpoint: string): Promise<Sidecars> {
  const stem = stemOf(checkpoint);
  const notes: string[] = [];
  const read = async <T>(ending: string, understand: (text: string) => T): Promise<T | undefined> => {
    const text = await readFile(stem + ending, 'utf8').catch(() => null); // most have none
    try {
      return text === null ? undefined : understand(text);
    } catch {
      notes.push(`"${path.basename(stem)}${ending}" is passed over: it is not what A1111 puts there.`);
      return undefined;
    }
  };
  const about = await read('.json', (text) => UserMetadata.parse(JSON.parse(text)));
  const configuration = await read('.yaml', (text) => Configuration.parse(parse(text)).model.params);
  const vaeFile = await firstThere([`${stem}.vae.safetensors`]);
  const pickled = await firstThere(PICKLED_VAES.map((ending) => stem + ending));
  if (!vaeFile && pickled) notes.push(`"${path.basename(pickled)}" is passed over: it is a Python pickle, which can run any program.`);
  const { parameterization, denoiser_config: denoiser } = configuration ?? {};
  return {
    description: about?.description || null,
    preferredVae: about?.vae && about.vae !== 'Automatic' ? about.vae : null,
    vaeFile,
    previewFile: await firstThere(PREVIEWS.map((ending) => stem + ending)),
    answersV: parameterization === 'v' || (denoiser?.params.scaling_config?.target.endsWith('.VScaling') ?? false),
    notes,
  };
}

async function firstThere(files: readonly string[]): Promise<string | null> {
  for (const file of files) {
    const isThere = await stat(file).then(
      (status) => status.isFile(),
      () => false,
    );
    if (isThere) return file;
  }
  return null;
}

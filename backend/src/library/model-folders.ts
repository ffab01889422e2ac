import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { MODEL_INDEX } from '../checkpoints/diffusers-folder.js';

/** What a models folder may hold. */
export type FolderKind = 'checkpoints' | 'vae' | 'vaeApprox' | 'textEncoders';

/** How the folders are called: by us, by A1111 and Forge, by ComfyUI. */
const folderNames: Record<FolderKind, readonly string[]> = {
  checkpoints: ['checkpoints', 'Stable-diffusion', 'diffusers'],
  vae: ['vae', 'VAE'],
  vaeApprox: ['vae_approx', 'VAE-approx', 'VAE-taesd'],
  textEncoders: ['text_encoders', 'text_encoder', 'clip'],
};

/** A file below one of the folders, named by its path there without the ending; or a folder of diffusers, named by its whole path there. */
export interface FoundFile {
  name: string;
  file: string;
}

/** Endings that a person may take for models; the ones we refuse are listed with the reason. */
const ENDINGS = ['.safetensors', '.ckpt', '.pt', '.pth', '.bin'];
/** A VAE beside a checkpoint belongs to it and is no checkpoint. */
const SIDECAR_VAE = /\.vae\.[a-z]+$/i;

/** The model files of one kind, in the order of the models folders. A folder that is not there holds none. */
export async function modelFiles(modelsFolders: readonly string[], kind: FolderKind): Promise<FoundFile[]> {
  const folders = modelsFolders.flatMap((models) => folderNames[kind].map((name) => path.join(models, name)));
  const found = await Promise.all(folders.map(filesBelow));
  return found.flat().filter(({ file }) => kind !== 'checkpoints' || !SIDECAR_VAE.test(file));
}

/** One entry for each name: of several files with one name the first that can be used, else the first. */
export function firstUsable<Entry extends { name: string; problem: unknown }>(entries: readonly Entry[]): Entry[] {
  const chosen = new Map<string, Entry>();
  for (const entry of entries) {
    const rival = chosen.get(entry.name);
    if (!rival || (rival.problem !== null && entry.problem === null)) chosen.set(entry.name, entry);
  }
  return [...chosen.values()];
}

/** The VAE that lies beside a checkpoint: `<stem>.vae.safetensors`. */
export function sidecarVaeOf(checkpointFile: string): string {
  const { dir, name } = path.parse(checkpointFile);
  return path.join(dir, `${name}.vae.safetensors`);
}

async function filesBelow(folder: string): Promise<FoundFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cause;
  });
  const nameOf = (file: string) => path.relative(folder, file).split(path.sep).join('/');
  const inside = entries
    .filter(({ name, parentPath }) => name === MODEL_INDEX && parentPath !== folder)
    .map(({ parentPath }) => parentPath);
  const links = entries.filter((entry) => entry.isSymbolicLink()).map((entry) => path.join(entry.parentPath, entry.name));
  const linked = links.filter((link) => existsSync(path.join(link, MODEL_INDEX))); // into the cache of Hugging Face, for one
  const models = [...inside, ...linked];
  const isPart = (file: string) => models.some((model) => file.startsWith(model + path.sep));
  const files = entries
    .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && ENDINGS.includes(path.extname(entry.name).toLowerCase()))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !isPart(file) && !models.includes(file));
  return [
    ...models.sort().map((file) => ({ file, name: nameOf(file) })),
    ...files.sort().map((file) => ({ file, name: nameOf(file).slice(0, -path.extname(file).length) })),
  ];
}

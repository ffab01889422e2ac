import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { MODEL_INDEX } from '../checkpoints/diffusers-folder.js';

/** What a models folder may hold. */
export type FolderKind = 'checkpoints' | 'vae' | 'vaeApprox' | 'textEncoders' | 'embeddings';

/** The folders in which files of each kind are looked for, in order. */
export type ModelFolders = Readonly<Record<FolderKind, readonly string[]>>;

/** How the folders are called: by us, by A1111 and Forge, by ComfyUI, whose `extra_model_paths.yaml` has these names too. */
export const folderNames: Record<FolderKind, readonly string[]> = {
  checkpoints: ['checkpoints', 'Stable-diffusion', 'diffusion_models', 'unet', 'diffusers'],
  vae: ['vae', 'VAE'],
  vaeApprox: ['vae_approx', 'VAE-approx', 'VAE-taesd'],
  textEncoders: ['text_encoders', 'text_encoder', 'clip'],
  embeddings: ['embeddings'],
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

/** Those below models folders, of which each is one like ours or like those of A1111, Forge and ComfyUI, or the program's folder around it. */
export function foldersIn(modelsDirs: readonly string[]): ModelFolders {
  const around = modelsDirs.flatMap((folder) => [folder, path.join(folder, 'models')]);
  const of = (kind: FolderKind) => around.flatMap((folder) => folderNames[kind].map((name) => path.join(folder, name)));
  const besideModels = modelsDirs.filter((folder) => path.basename(folder) === 'models').map((folder) => path.dirname(folder)); // as in A1111
  return {
    checkpoints: of('checkpoints'),
    vae: of('vae'),
    vaeApprox: of('vaeApprox'),
    textEncoders: of('textEncoders'),
    embeddings: [...of('embeddings'), ...besideModels.map((folder) => path.join(folder, 'embeddings'))],
  };
}

/** The model files of one kind, in the order of the folders. A folder that is not there holds none. */
export async function modelFiles(folders: ModelFolders, kind: FolderKind): Promise<FoundFile[]> {
  const found = await Promise.all(folders[kind].map(modelsBelow));
  return found.flat().filter(({ file }) => kind !== 'checkpoints' || !SIDECAR_VAE.test(file));
}

/** Whether a file may be a model, by its ending. */
export function isModelFile(file: string): boolean {
  return ENDINGS.includes(path.extname(file).toLowerCase());
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

async function modelsBelow(folder: string): Promise<FoundFile[]> {
  const nameOf = (file: string) => path.relative(folder, file).split(path.sep).join('/');
  const { models, files } = await contentsOf(folder, []);
  return [
    ...models.sort().map((file) => ({ file, name: nameOf(file) })),
    ...files.sort().map((file) => ({ file, name: nameOf(file).slice(0, -path.extname(file).length) })),
  ];
}

/** Folders that are one model each, and files beside them. */
interface Contents {
  models: string[];
  files: string[];
}

/**
 * What lies below a folder; links are followed, hidden files left out.
 *
 * @param above the real paths of the folders that this one was reached through: a link back to one of them leads nowhere new.
 */
async function contentsOf(folder: string, above: readonly string[]): Promise<Contents> {
  const nothing: Contents = { models: [], files: [] };
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null;
    if (above.length === 0) throw cause;
    return 'closed' as const;
  });
  if (entries === null) return nothing;
  if (entries === 'closed') return { ...nothing, models: [folder] }; // listed with the reason that whoever opens it will get
  const isModel = above.length > 0 && entries.some(({ name }) => name === MODEL_INDEX);
  if (isModel) return { ...nothing, models: [folder] };

  const real = await realpath(folder);
  if (above.includes(real)) return nothing;
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  const parts = await Promise.all(
    visible.map(async (entry): Promise<Contents> => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(file)))) return await contentsOf(file, [...above, real]);
      return isModelFile(file) ? { ...nothing, files: [file] } : nothing;
    }),
  );
  return { models: parts.flatMap(({ models }) => models), files: parts.flatMap(({ files }) => files) };
}

async function isFolder(file: string): Promise<boolean> {
  return await stat(file).then(
    (status) => status.isDirectory(),
    () => false, // a link to nowhere is listed with the reason
  );
}

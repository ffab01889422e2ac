import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { FolderRefused } from './errors.js';

/** Bounds of what we read of one extension, `node_modules` and hidden files not counted. */
const MAX_FILES = 2000;
const MAX_BYTES = 32 * 2 ** 20;

export function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

/** Names of the folders in `root` that may be extensions, sorted. A root that does not exist has none. */
export async function foldersIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names = entries.filter((entry) => !isIgnored(entry.name)).map((entry) => entry.name);
  const areFolders = await Promise.all(names.map((name) => isFolder(path.join(root, name))));
  return names.filter((_, i) => areFolders[i]).sort();
}

/** Hidden files, and other people's packages, are none of the extension's source. */
export function isIgnored(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules';
}

async function isFolder(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null))?.isDirectory() ?? false; // a link to nowhere is no folder
}

/**
 * Digest of every file of an extension: names and contents.
 *
 * @throws FolderRefused for links inside the folder, and for more files or bytes than an extension should have.
 */
export async function hashFolder(folder: string): Promise<string> {
  const files = (await filesIn(folder, '')).sort();
  const hash = createHash('sha256');
  let bytes = 0;
  for (const file of files) {
    bytes += (await stat(path.join(folder, file))).size;
    if (bytes > MAX_BYTES) throw tooLarge(folder);
    hash.update(`${file}\0`).update(
      createHash('sha256')
        .update(await readFile(path.join(folder, file)))
        .digest(),
    );
  }
  return hash.digest('hex');
}

async function filesIn(folder: string, below: string, found: string[] = []): Promise<string[]> {
  for (const entry of await readdir(path.join(folder, below), { withFileTypes: true })) {
    if (isIgnored(entry.name)) continue;
    const name = path.posix.join(below, entry.name);
    if (entry.isSymbolicLink()) {
      throw new FolderRefused(
        `${path.join(folder, name)} is a link.`,
        'Put the file itself there: an extension is read from its own folder only.',
      );
    }
    if (entry.isDirectory()) await filesIn(folder, name, found);
    else if (entry.isFile()) found.push(name);
    if (found.length > MAX_FILES) throw tooLarge(folder);
  }
  return found;
}

function tooLarge(folder: string): FolderRefused {
  return new FolderRefused(
    `${folder} has more than ${MAX_FILES} files or ${MAX_BYTES / 2 ** 20} MiB.`,
    'Large files belong into the extension’s data folder, packages into its node_modules.',
  );
}

import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@atelier/sdk';

/** The file name that a picture asks for leads out of the outputs folder. */
export class PictureNameInvalid extends AppError {
  readonly code = 'picture-name-invalid';
  constructor(name: string) {
    super(`"${name}" cannot be a picture's name.`, 'Names are paths below the outputs folder, with forward slashes and no "..".');
  }
}

/** The picture could not be written. Nothing of it is left behind. */
export class PictureNotSaved extends AppError {
  readonly code: string;
  override readonly kind = 'unavailable';
  constructor(folder: string, cause: NodeJS.ErrnoException) {
    const isFull = cause.code === 'ENOSPC' || cause.code === 'EDQUOT';
    super(
      isFull
        ? `The disk of ${folder} is full; the picture was not saved.`
        : `The picture could not be saved in ${folder}: ${cause.message}`,
      isFull
        ? 'Free some space or start with --outputs-dir on another disk, then run the job again: the same seed gives the same picture.'
        : 'Check that the outputs folder exists and may be written, then run the job again.',
      { cause },
    );
    this.code = isFull ? 'disk-full' : 'picture-not-saved';
  }
}

/** How names are kept apart. */
export interface Numbering {
  /** Whether a number stands in front, counted up from what the folder holds; else one is put behind a name that is taken. */
  readonly isNumbered: boolean;
  /** What stands before the number: `grid-0000`. */
  readonly basename?: string;
}

/**
 * Writes a picture so that it is either there in full or not at all: a temporary name beside it, fsync, then the final
 * name, which never replaces a file.
 *
 * @param name path below `outputs` without ending. One that ends in a slash gets a number in any case.
 * @returns the path below `outputs`, with ending.
 */
export async function savePicture(
  outputs: string,
  name: string,
  ending: string,
  bytes: Uint8Array,
  numbering: Numbering = { isNumbered: true },
): Promise<string> {
  const [title, ...above] = name.split('/').reverse();
  const below = above.reverse();
  if (/[\0\\]/.test(name) || path.isAbsolute(name) || name === '' || below.some((part) => part === '..' || part === '') || title === '..') {
    throw new PictureNameInvalid(name);
  }
  const folder = path.join(outputs, ...below);
  return await withTemporaryFile(folder, bytes, async (temporary) => {
    for (const names = freeNames(folder, title, numbering); ;) {
      const { value } = await names.next();
      const file = `${value}.${ending}`;
      if (!(await claim(temporary, path.join(folder, file)))) continue;
      await syncFolder(folder);
      return path.posix.join(...below, file);
    }
  });
}

/** Names to try one after another, without end. */
async function* freeNames(folder: string, title: string, { isNumbered, basename = '' }: Numbering): AsyncGenerator<string, never> {
  if (!isNumbered && title !== '') {
    yield title;
    for (let number = 1; ; number++) yield `${title}-${number}`;
  }
  for (let number = await nextNumber(folder, basename); ; number++) {
    const counted = basename === '' ? String(number).padStart(5, '0') : `${basename}-${String(number).padStart(4, '0')}`;
    yield title === '' ? counted : `${counted}-${title}`;
  }
}

/** Writes bytes where a person said, replacing what was there in one step. Returns the file's path. */
export async function writeNamedPicture(file: string, bytes: Uint8Array): Promise<string> {
  await withTemporaryFile(path.dirname(file), bytes, (temporary) => rename(temporary, file));
  return file;
}

/** Writes bytes to a file that nobody sees, lets `finish` give it its name, and leaves nothing behind when that fails. */
async function withTemporaryFile<T>(folder: string, bytes: Uint8Array, finish: (temporary: string) => Promise<T>): Promise<T> {
  const temporary = path.join(folder, `.${randomUUID()}.partial`);
  try {
    await mkdir(folder, { recursive: true });
    try {
      await writeDurably(temporary, bytes);
      return await finish(temporary);
    } finally {
      await rm(temporary, { force: true });
    }
  } catch (cause) {
    throw new PictureNotSaved(folder, cause as NodeJS.ErrnoException);
  }
}

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** One more than the largest number that a file name in the folder starts with, behind the basename if there is one. */
export async function nextNumber(folder: string, basename = ''): Promise<number> {
  const prefix = basename === '' ? '' : `${basename}-`;
  const names = (await readdir(folder)).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return names.reduce((next, name) => Math.max(next, 1 + Number(/^\d{1,9}(?=[-.]|$)/.exec(name)?.[0] ?? -1)), 0);
}

/** Gives the file its final name, or says that the name is taken. */
async function claim(temporary: string, file: string): Promise<boolean> {
  try {
    await link(temporary, file);
    return true;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EOPNOTSUPP') throw cause;
  }
  // a file system without hard links (exFAT): look, then rename
  const isTaken = await stat(file).then(
    () => true,
    () => false,
  );
  if (isTaken) return false;
  await rename(temporary, file);
  return true;
}

/** Makes the new name durable too; Windows cannot open folders and needs no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

import path from 'node:path';
import type { Catalogue, CheckpointEntry, TextEncoderEntry, VaeEntry } from '@atelier/sdk/contracts';

/** A file that an infotext names, or why there is none to take. */
export type Found<Entry> = { readonly entry: Entry } | { readonly why: string };

/** The checkpoint with that hash; where no file has it, the one of that name. */
export function findCheckpoint(
  { checkpoints }: Pick<Catalogue, 'checkpoints'>,
  name: string,
  hash: string | undefined,
): Found<CheckpointEntry> {
  const sameFile = checkpoints.filter(({ sha256 }) => hash !== undefined && sha256?.startsWith(hash.toLowerCase()));
  if (sameFile.length > 0) return { entry: sameFile.find((entry) => isCalled(entry, name)) ?? sameFile[0] };
  return only(
    'checkpoint',
    name,
    checkpoints.filter((entry) => isCalled(entry, name)),
  );
}

export function findVae({ vaes }: Pick<Catalogue, 'vaes'>, name: string): Found<VaeEntry> {
  return only(
    'VAE',
    name,
    vaes.filter((entry) => isCalled(entry, name)),
  );
}

/** What Forge calls a module: a VAE or text encoders in a file of their own. */
export function findModule({ vaes, textEncoders }: Catalogue, name: string): Found<VaeEntry | TextEncoderEntry> {
  return only(
    'VAE or text encoder',
    name,
    [...vaes, ...textEncoders].filter((entry) => isCalled(entry, name)),
  );
}

/** By our name, by that of the file, with or without its ending: exactly. */
function isCalled({ name, file }: { name: string; file: string }, wanted: string): boolean {
  const ending = path.extname(file);
  return [name, path.basename(name), name + ending, path.basename(file)].includes(wanted);
}

function only<Entry extends { name: string; problem: object | null }>(what: string, wanted: string, found: readonly Entry[]): Found<Entry> {
  const exact = found.filter(({ name }) => name === wanted);
  const [entry, ...others] = exact.length > 0 ? exact : found;
  if (!entry) return { why: `No ${what} of that name is here.` };
  if (others.length > 0) return { why: `Several are called so: ${found.map(({ name }) => name).join(', ')}.` };
  return entry.problem ? { why: `The file cannot be used.` } : { entry };
}

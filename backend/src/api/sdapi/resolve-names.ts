import path from 'node:path';
import { fail } from '@atelier/sdk';
import type { Catalogue, CheckpointEntry, SamplerEntry } from '@atelier/sdk/contracts';
import { findSampler } from '../../images/infotext/find-sampler.js';
import { findCheckpoint } from '../../jobs/accept-request.js';
import { SamplerNotFound } from '../../jobs/errors.js';

/** As A1111 names a checkpoint: file name below its folder, and its short hash once that is known. */
export function titleOf({ name, file, shortHash }: CheckpointEntry): string {
  const fileName = name + path.extname(file);
  return shortHash ? `${fileName} [${shortHash}]` : fileName;
}

/** The name of the checkpoint that A1111 would know by this title, name, file or hash. Exactly; nothing is guessed. */
export function checkpointNamed(checkpoints: readonly CheckpointEntry[], wanted: string): string {
  const found = checkpoints.filter((entry) => aliasesOf(entry).includes(wanted));
  return found.length === 1 ? found[0].name : findCheckpoint(checkpoints, wanted).name;
}

function aliasesOf(entry: CheckpointEntry): (string | null)[] {
  const { name, file, sha256, shortHash } = entry;
  return [
    name,
    titleOf(entry),
    name + path.extname(file),
    `${name} [${shortHash}]`,
    file,
    path.basename(file),
    path.basename(name),
    shortHash,
    sha256,
  ];
}

/** The sampler, and the schedule type when the name has one at its end. */
export function samplerNamed(catalogue: Catalogue, name: string): { sampler: SamplerEntry; scheduler: string | null } {
  const labels = catalogue.samplers.map(({ label }) => label);
  return findSampler(catalogue, name) ?? fail(new SamplerNotFound(name, labels, ''));
}

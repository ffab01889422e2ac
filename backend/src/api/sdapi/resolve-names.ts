import path from 'node:path';
import { fail } from '@atelier/sdk';
import { findByName, type Catalogue, type CheckpointEntry, type SamplerEntry } from '@atelier/sdk/contracts';
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

/**
 * The sampler, and the schedule type when the name has one at its end, as names had before A1111 1.9
 * ("DPM++ 2M Karras").
 */
export function samplerNamed({ samplers, schedulers }: Catalogue, name: string): { sampler: SamplerEntry; scheduler: string | null } {
  const exact = findByName(samplers, name);
  if (exact) return { sampler: exact, scheduler: null };
  for (const { id, label, aliases } of schedulers) {
    for (const ending of [label, id, ...aliases]) {
      const sampler = name.endsWith(` ${ending}`) && findByName(samplers, name.slice(0, -ending.length - 1));
      if (sampler) return { sampler, scheduler: id };
    }
  }
  return fail(
    new SamplerNotFound(
      name,
      samplers.map(({ label }) => label),
      '',
    ),
  );
}

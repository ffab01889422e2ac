import { findByName, type Catalogue, type SamplerEntry } from '@atelier/sdk/contracts';

/**
 * The sampler, and the schedule type when the name has one at its end, as names had before A1111 1.9
 * ("DPM++ 2M Karras"). Exactly; nothing is guessed.
 */
export function findSampler(
  { samplers, schedulers }: Pick<Catalogue, 'samplers' | 'schedulers'>,
  name: string,
): { sampler: SamplerEntry; scheduler: string | null } | undefined {
  const exact = findByName(samplers, name);
  if (exact) return { sampler: exact, scheduler: null };
  for (const { id, label, aliases } of schedulers) {
    for (const ending of [label, id, ...aliases]) {
      const sampler = name.endsWith(` ${ending}`) && findByName(samplers, name.slice(0, -ending.length - 1));
      if (sampler) return { sampler, scheduler: id };
    }
  }
  return undefined;
}

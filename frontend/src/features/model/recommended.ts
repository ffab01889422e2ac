import type { Catalogue, CheckpointEntry, Txt2ImgRequest } from '@atelier/sdk/contracts';
import { findByName } from '../txt2img/request-store.js';

export type Recommended = CheckpointEntry['recommended'];

/** The recommended values that the form does not have yet; empty when it has them all. */
export function yetToRecommend(
  recommended: Recommended,
  request: Txt2ImgRequest,
  { samplers, schedulers }: Pick<Catalogue, 'samplers' | 'schedulers'>,
): Recommended {
  const idOf = (list: Catalogue['samplers'] | Catalogue['schedulers'], name: string) => findByName(list, name)?.id ?? name;
  const sampler = idOf(samplers, recommended.sampler ?? request.sampler);
  const automatic = findByName(samplers, sampler)?.defaultScheduler;
  const isSameSize = recommended.width === request.width && recommended.height === request.height;
  const isSame: Record<keyof Recommended, () => boolean> = {
    width: () => isSameSize,
    height: () => isSameSize,
    steps: () => recommended.steps === request.steps,
    cfgScale: () => recommended.cfgScale === request.cfgScale,
    sampler: () => sampler === idOf(samplers, request.sampler),
    scheduler() {
      const wanted = idOf(schedulers, recommended.scheduler!);
      const asked = idOf(schedulers, request.scheduler);
      return wanted === asked || (asked === 'automatic' && wanted === automatic);
    },
  };
  const names = Object.keys(recommended) as (keyof Recommended)[];
  const differing = names.filter((name) => recommended[name] !== undefined && !isSame[name]());
  return Object.fromEntries(differing.map((name) => [name, recommended[name]]));
}

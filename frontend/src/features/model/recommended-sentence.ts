import type { Catalogue } from '@atelier/sdk/contracts';
import { t } from '../../localization/translations.js';
import { findByName } from '../txt2img/request-store.js';
import type { Recommended } from './recommended.js';

/** "1024 × 1024 · 4 steps · CFG 1 · Euler · SGM Uniform", of what is recommended. */
export function recommendedSentence(
  { width, height, steps, cfgScale, sampler, scheduler }: Recommended,
  { samplers, schedulers }: Pick<Catalogue, 'samplers' | 'schedulers'>,
): string {
  return [
    width === undefined || height === undefined ? undefined : `${width} × ${height}`,
    steps === undefined ? undefined : t('{steps} steps', { steps }),
    cfgScale === undefined ? undefined : t('CFG {scale}', { scale: cfgScale }),
    sampler === undefined ? undefined : (findByName(samplers, sampler)?.label ?? sampler),
    scheduler === undefined ? undefined : (findByName(schedulers, scheduler)?.label ?? scheduler),
  ]
    .filter((part) => part !== undefined)
    .join(' · ');
}

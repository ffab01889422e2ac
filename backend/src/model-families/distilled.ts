import type { ModelSource, Recommended } from '@atelier/sdk';

/** Models that were trained on to need few steps have the shapes of any other; people tell them by their names. */
const kinds: readonly { name: RegExp; recommended: Required<Pick<Recommended, 'steps' | 'cfgScale' | 'sampler' | 'scheduler'>> }[] = [
  { name: /lightning/, recommended: { steps: 4, cfgScale: 1, sampler: 'euler', scheduler: 'sgm-uniform' } }, // Lin et al. 2024
  { name: /hyper[-_ ]?(sd|\d)/, recommended: { steps: 8, cfgScale: 1, sampler: 'euler', scheduler: 'sgm-uniform' } }, // Ren et al. 2024
  { name: /dmd2?(?![a-z])/, recommended: { steps: 4, cfgScale: 1, sampler: 'lcm', scheduler: 'sgm-uniform' } }, // Yin et al. 2024
  { name: /(?<![a-z])lcm(?![a-z])/, recommended: { steps: 8, cfgScale: 1.5, sampler: 'lcm', scheduler: 'sgm-uniform' } }, // Luo et al. 2023
  { name: /turbo/, recommended: { steps: 4, cfgScale: 1, sampler: 'euler-ancestral', scheduler: 'turbo' } }, // Sauer et al. 2023
];

/** Steps in a name such as `sdxl_lightning_8step`. */
const STEPS = /(?<!\d)(\d{1,2})[-_ ]?steps?(?![a-z])/;

/** What a model is best used with that says in its name or title that it needs few steps; of any other model, nothing. */
export function recommendedByName({ stem, metadata }: Pick<ModelSource, 'stem' | 'metadata'>): Recommended {
  const names = [stem, metadata.get('modelspec.title') ?? ''].join(' ').toLowerCase();
  const kind = kinds.find(({ name }) => name.test(names));
  if (!kind) return {};
  const steps = Number(STEPS.exec(names)?.[1] ?? kind.recommended.steps);
  return { ...kind.recommended, steps };
}

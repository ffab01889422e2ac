import type { ModelSampling } from '@atelier/sdk';

/** How many levels stand for all of a model without a table, where a schedule chooses among them. */
const LEVEL_COUNT = 1000;

/** The sampling of a model after Karras et al. 2022: it is told ¼ · ln σ, and may be asked at any level. */
export function edmSampling(range: { sigmaData: number; sigmaMin: number; sigmaMax: number }): ModelSampling {
  return withoutTable('edm', range, { timestepOf: (sigma) => Math.log(sigma) / 4, sigmaOf: (timestep) => Math.exp(4 * timestep) });
}

/** The sampling of a model that names noise and picture mixed (v) at any level: it is told the angle between the two, in right angles. */
export function continuousVSampling(range: { sigmaMin: number; sigmaMax: number }): ModelSampling {
  return withoutTable(
    'v',
    { ...range, sigmaData: 1 },
    { timestepOf: (sigma) => (Math.atan(sigma) * 2) / Math.PI, sigmaOf: (timestep) => Math.tan((timestep * Math.PI) / 2) },
  );
}

/** The sampling of a rectified flow (Liu et al. 2022), whose latents mix noise and picture: level 1 is all noise. */
export function flowSampling({ shift, multiplier, levelCount = LEVEL_COUNT }: FlowLevels): ModelSampling {
  const sigmas = Float64Array.from({ length: levelCount }, (_, index) => shiftedInFloat32((index + 1) / levelCount, shift));
  const timestepOf = (sigma: number) => multiplier * sigma;
  return {
    prediction: 'flow',
    sigmaData: 1,
    sigmas,
    sigmaMin: sigmas[0],
    sigmaMax: sigmas[levelCount - 1],
    timestepOf,
    nearestTimestepOf: timestepOf,
    sigmaOf: (timestep) => shifted(timestep / multiplier, shift),
  };
}

interface FlowLevels {
  shift: number;
  multiplier: number;
  levelCount?: number;
}

/** The level at a share of the training time, moved towards noise for large pictures (Esser et al. 2024, equation 23). */
function shifted(time: number, shift: number): number {
  return (shift * time) / (1 + (shift - 1) * time);
}

/** The same rounded in every step, as other programs make their tables: where noise depends on the level, its last digit counts. */
function shiftedInFloat32(time: number, shift: number): number {
  const share = Math.fround(time);
  return Math.fround(Math.fround(shift * share) / Math.fround(1 + Math.fround((shift - 1) * share)));
}

/** The shifts that suit a small and a large picture, by their image tokens. */
type KnownShifts = readonly [small: { tokens: number; mu: number }, large: { tokens: number; mu: number }];
const FLUX_SHIFTS: KnownShifts = [
  { tokens: 256, mu: 0.5 },
  { tokens: 4096, mu: 1.15 },
];

/**
 * The logarithm µ of the shift that suits a picture of so many image tokens, as Flux was trained: on the line through two
 * known sizes (256² and 1024² pixels).
 */
export function fluxMu(tokens: number, [small, large]: KnownShifts = FLUX_SHIFTS): number {
  return small.mu + ((large.mu - small.mu) * (tokens - small.tokens)) / (large.tokens - small.tokens);
}

/** Levels with one factor between all neighbours, between which a formula leads. */
function withoutTable(
  prediction: 'edm' | 'v',
  { sigmaData, sigmaMin, sigmaMax }: { sigmaData: number; sigmaMin: number; sigmaMax: number },
  { timestepOf, sigmaOf }: Pick<ModelSampling, 'timestepOf' | 'sigmaOf'>,
): ModelSampling {
  const step = Math.log(sigmaMax / sigmaMin) / (LEVEL_COUNT - 1);
  const sigmas = Float64Array.from({ length: LEVEL_COUNT }, (_, index) => Math.fround(sigmaMin * Math.exp(index * step)));
  return {
    prediction,
    sigmaData,
    sigmas,
    sigmaMin: sigmas[0],
    sigmaMax: sigmas[LEVEL_COUNT - 1],
    timestepOf,
    nearestTimestepOf: timestepOf,
    sigmaOf,
  };
}

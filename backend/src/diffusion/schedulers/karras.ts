import { defineScheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Evenly spaced in σ^(1/7), which gives most steps to low noise (Karras et al. 2022, equation 5). */
export const karras = defineScheduler({
  id: 'karras',
  label: 'Karras',
  levels: (model, stepCount) => karrasLevels(model.sigmaMin, model.sigmaMax, stepCount),
});

/**
 * `stepCount` levels from `sigmaMax` to `sigmaMin`, then 0. The root is rounded to float32 as in k-diffusion: the power
 * makes seven times as much of that rounding.
 */
export function karrasLevels(sigmaMin: number, sigmaMax: number, stepCount: number, rho = 7): number[] {
  const highest = sigmaMax ** (1 / rho);
  const span = Math.fround(sigmaMin ** (1 / rho) - highest);
  return [...ramp(0, 1, stepCount).map((share) => Math.fround(Math.fround(Math.fround(highest) + Math.fround(share * span)) ** rho)), 0];
}

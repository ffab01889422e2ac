import { defineScheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Evenly spaced in σ^(1/7), which gives most steps to low noise (Karras et al. 2022, equation 5). */
export const karras = defineScheduler({
  id: 'karras',
  label: 'Karras',
  levels: (model, stepCount) => karrasLevels(model.sigmaMin, model.sigmaMax, stepCount),
});

/** `stepCount` levels from `sigmaMax` to `sigmaMin`, then 0. */
export function karrasLevels(sigmaMin: number, sigmaMax: number, stepCount: number, rho = 7): number[] {
  return [...ramp(sigmaMax ** (1 / rho), sigmaMin ** (1 / rho), stepCount).map((root) => root ** rho), 0];
}

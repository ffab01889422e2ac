import { defineScheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Evenly spaced in log σ, counted from the lowest level up: with ρ = 1, which is all that A1111 uses by default, Exponential. */
export const polyexponential = defineScheduler({
  id: 'polyexponential',
  label: 'Polyexponential',
  levels({ sigmaMin, sigmaMax }, stepCount) {
    const lowest = Math.log(sigmaMin);
    return [...ramp(1, 0, stepCount).map((share) => Math.exp(share * (Math.log(sigmaMax) - lowest) + lowest)), 0];
  },
});

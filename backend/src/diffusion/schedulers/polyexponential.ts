import { defineScheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Evenly spaced in log σ, counted from the lowest level up: with ρ = 1, which is all that A1111 uses by default, Exponential. */
export const polyexponential = defineScheduler({
  id: 'polyexponential',
  label: 'Polyexponential',
  levels({ sigmaMin, sigmaMax }, stepCount) {
    const lowest = Math.log(sigmaMin);
    const span = Math.fround(Math.log(sigmaMax) - lowest);
    const logs = ramp(1, 0, stepCount).map((share) => Math.fround(Math.fround(share * span) + Math.fround(lowest)));
    return [...logs.map(Math.exp), 0];
  },
});

import { defineScheduler, z } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Spaced in log σ by a power of the share of the run, counted from the lowest level up; with ρ = 1 evenly, which is Exponential. */
export const polyexponential = defineScheduler({
  id: 'polyexponential',
  label: 'Polyexponential',
  options: z.object({
    rho: z.number().min(0.1).max(100).default(1).meta({ infotext: 'Schedule rho' }).describe('Higher gives more steps to low noise.'),
  }),
  levels({ sigmaMin, sigmaMax }, stepCount, { rho }) {
    const lowest = Math.log(sigmaMin);
    const span = Math.fround(Math.log(sigmaMax) - lowest);
    const shares = ramp(1, 0, stepCount).map((share) => Math.fround(share ** rho));
    const logs = shares.map((share) => Math.fround(Math.fround(share * span) + Math.fround(lowest)));
    return [...logs.map(Math.exp), 0];
  },
});

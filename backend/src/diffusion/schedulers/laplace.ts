import { defineScheduler, z } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Keeps the logarithm of 0 away, as in the original. */
const NEAR_ZERO = 1e-5;

/** Quantiles of a Laplace distribution of log σ, held within the model's levels (Hang et al. 2024), as reForge and ComfyUI have it. */
export const laplace = defineScheduler({
  id: 'laplace',
  label: 'Laplace',
  suits: ({ prediction }) => prediction !== 'flow', // whose levels end at 1
  options: z.object({
    laplace_mu: z.number().min(-5).max(5).default(0).meta({ infotext: 'Laplace mu' }).describe('The log σ in the middle of the run.'),
    laplace_beta: z.number().min(0.01).max(2).default(0.5).meta({ infotext: 'Laplace beta' }).describe('How far the levels spread.'),
  }),
  levels({ sigmaMin, sigmaMax }, stepCount, { laplace_mu: mu, laplace_beta: beta }) {
    const levelAt = (share: number) => Math.exp(mu - beta * Math.sign(0.5 - share) * Math.log(1 - 2 * Math.abs(0.5 - share) + NEAR_ZERO));
    return [...ramp(0, 1, stepCount).map((share) => Math.min(Math.max(levelAt(share), sigmaMin), sigmaMax)), 0];
  },
});

import { add, addScaled, defineSampler, derivative, pairs } from '@atelier/sdk';
import { churnFor, churnOptions } from './churn.js';

/** Looks at both ends of each step and follows the mean slope (Karras et al. 2022, algorithm 2). Two model calls a step. */
export const heun = defineSampler({
  id: 'heun',
  label: 'Heun',
  aliases: ['k_heun'],
  options: churnOptions,
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  async *steps(input) {
    const { denoise, sigmas } = input;
    const churn = churnFor(input);
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const start = churn(x, sigma, next);
      const { denoised } = await denoise(start.x, start.sigma);
      const slope = derivative(start.x, denoised, start.sigma);
      const step = next - start.sigma;
      x = addScaled(start.x, slope, step);
      if (next > 0) {
        // at level 0 there is no slope to look at
        const slopeAhead = derivative(x, (await denoise(x, next)).denoised, next);
        x = addScaled(start.x, add(slope, slopeAhead), step / 2);
      }
      yield { x, denoised, sigma, memory: churn.memory };
    }
  },
});

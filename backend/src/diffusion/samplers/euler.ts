import { addScaled, defineSampler, derivative, pairs } from '@atelier/sdk';
import { churnFor, churnOptions } from './churn.js';

/** Follows the slope at the start of each step: the plainest method there is. */
export const euler = defineSampler({
  id: 'euler',
  label: 'Euler',
  aliases: ['k_euler'],
  options: churnOptions,
  drawsNoise: true,
  async *steps(input) {
    const { denoise, sigmas } = input;
    const churn = churnFor(input);
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const start = churn(x, sigma, next);
      const { denoised } = await denoise(start.x, start.sigma);
      x = addScaled(start.x, derivative(start.x, denoised, start.sigma), next - start.sigma);
      yield { x, denoised, sigma, memory: churn.memory };
    }
  },
});

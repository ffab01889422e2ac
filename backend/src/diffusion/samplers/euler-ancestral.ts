import { addScaled, combine, defineSampler, derivative, pairs } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { ancestralStep } from './split-step.js';

/** Euler with fresh noise after every step. At eta 0 it is plain Euler; at eta 1 the picture never settles. */
export const eulerAncestral = defineSampler({
  id: 'euler-ancestral',
  label: 'Euler a',
  aliases: ['k_euler_a', 'k_euler_ancestral', 'euler_ancestral'],
  options: ancestralOptions,
  drawsNoise: true,
  async *steps({ model, denoise, noise, sigmas, options: { eta, s_noise }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const { down, kept, up } = ancestralStep(model, sigma, next, eta);
      x = addScaled(x, derivative(x, denoised, sigma), down - sigma);
      if (up > 0) x = combine([x, noise(sigma, next)], [kept, s_noise * up]);
      yield { x, denoised, sigma };
    }
  },
});

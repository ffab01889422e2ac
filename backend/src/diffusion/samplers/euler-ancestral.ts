import { addScaled, defineSampler, derivative, pairs, z } from '@atelier/sdk';
import { splitStep } from './split-step.js';

/** Euler with fresh noise after every step. At eta 0 it is plain Euler; at eta 1 the picture never settles. */
export const eulerAncestral = defineSampler({
  id: 'euler-ancestral',
  label: 'Euler a',
  aliases: ['k_euler_a', 'k_euler_ancestral', 'euler_ancestral'],
  options: z.object({
    eta: z.number().min(0).max(2).default(1).meta({ infotext: 'Eta' }).describe('Share of each step that is fresh noise.'),
    s_noise: z.number().min(0).max(2).default(1).meta({ infotext: 'Sigma noise' }).describe('Strength of the fresh noise.'),
  }),
  drawsNoise: true,
  async *steps({ denoise, noise, sigmas, options: { eta, s_noise }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const { down, up } = splitStep(sigma, next, eta);
      x = addScaled(x, derivative(x, denoised, sigma), down - sigma);
      if (up > 0) x = addScaled(x, noise(sigma, next), s_noise * up);
      yield { x, denoised, sigma };
    }
  },
});

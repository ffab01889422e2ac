import { addScaled, combine, defineSampler, derivative, pairs, z } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { ancestralStep } from './split-step.js';

/** Euler a with the mean of two draws for its noise, stretched a little, as reForge has it: less noise than it took away. */
export const eulerA2 = defineSampler({
  id: 'euler-a2',
  label: 'Euler A2',
  aliases: ['euler_a2'],
  options: ancestralOptions.extend({
    extrapolation: z
      .number()
      .min(0)
      .max(1)
      .default(0.425)
      .meta({ infotext: 'Euler A2 extrapolation' })
      .describe('How much the mean of both draws is stretched; 0.41 makes it as strong as one.'),
  }),
  drawsNoise: true,
  async *steps({ model, denoise, noise, sigmas, options: { eta, s_noise, extrapolation }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const { down, kept, up } = ancestralStep(model, sigma, next, eta);
      x = addScaled(x, derivative(x, denoised, sigma), down - sigma);
      if (next > 0 && eta > 0 && s_noise > 0) {
        const weight = (s_noise * up * (1 + extrapolation)) / 2;
        x = combine([x, noise(sigma, next), noise(sigma, next)], [kept, weight, weight]);
      }
      yield { x, denoised, sigma };
    }
  },
});

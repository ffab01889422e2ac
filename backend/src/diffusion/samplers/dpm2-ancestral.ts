import { addScaled, combine, defineSampler, derivative, pairs } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { ancestralStep } from './split-step.js';

/** DPM2 that steps further down and comes back up with fresh noise. */
export const dpm2Ancestral = defineSampler({
  id: 'dpm-2-ancestral',
  label: 'DPM2 a',
  aliases: ['k_dpm_2_a', 'dpm_2_ancestral'],
  options: ancestralOptions,
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  discardsNextToLast: true,
  defaultScheduler: 'karras',
  async *steps({ model, denoise, noise, sigmas, options: { eta, s_noise }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const slope = derivative(x, denoised, sigma);
      const { down, kept, up } = ancestralStep(model, sigma, next, eta);
      if (down === 0) {
        x = addScaled(x, slope, -sigma);
      } else {
        const middle = Math.sqrt(sigma * down);
        const halfway = addScaled(x, slope, middle - sigma);
        x = addScaled(x, derivative(halfway, (await denoise(halfway, middle)).denoised, middle), down - sigma);
        if (up > 0) x = combine([x, noise(sigma, next)], [kept, s_noise * up]);
      }
      yield { x, denoised, sigma };
    }
  },
});

import { addScaled, combine, defineSampler, pairs } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { splitStep } from './split-step.js';

/** DPM-Solver++(2S) of Lu et al. 2022, algorithm 1: two model calls within a step; then fresh noise as in Euler a. */
export const dpmpp2sAncestral = defineSampler({
  id: 'dpmpp-2s-ancestral',
  label: 'DPM++ 2S a',
  aliases: ['k_dpmpp_2s_a', 'dpmpp_2s_ancestral'],
  options: ancestralOptions,
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  defaultScheduler: 'karras',
  async *steps({ denoise, noise, sigmas, options: { eta, s_noise }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const { down, up } = splitStep(sigma, next, eta);
      if (down === 0) {
        x = denoised;
      } else {
        const middle = Math.sqrt(sigma * down);
        const halfway = combine([x, denoised], [middle / sigma, 1 - middle / sigma]);
        const ahead = (await denoise(halfway, middle)).denoised;
        x = combine([x, ahead], [down / sigma, 1 - down / sigma]);
      }
      if (up > 0) x = addScaled(x, noise(sigma, next), s_noise * up);
      yield { x, denoised, sigma };
    }
  },
});

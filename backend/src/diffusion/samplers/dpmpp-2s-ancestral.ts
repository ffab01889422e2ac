import { combine, defineSampler, levelOfRatio, noiseRatio, pairs } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { ancestralStep } from './split-step.js';

/** Where the second look of a step from pure noise is, of a flow model: in log signal over noise that way has no middle. */
const BELOW_NOISE = 0.9999;

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
  async *steps({ model, denoise, noise, sigmas, options: { eta, s_noise }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const { down, kept, up } = ancestralStep(model, sigma, next, eta);
      if (down === 0) {
        x = denoised;
      } else {
        const ratio = Math.sqrt(noiseRatio(model, sigma) * noiseRatio(model, down));
        const middle = Number.isFinite(ratio) ? levelOfRatio(model, ratio) : BELOW_NOISE;
        const halfway = combine([x, denoised], [middle / sigma, 1 - middle / sigma]);
        const ahead = (await denoise(halfway, middle)).denoised;
        x = combine([x, ahead], [down / sigma, 1 - down / sigma]);
      }
      if (up > 0) x = combine([x, noise(sigma, next)], [kept, s_noise * up]);
      yield { x, denoised, sigma };
    }
  },
});

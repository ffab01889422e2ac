import { addScaled, combine, defineSampler, pairs, type Tensor } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { splitStep } from './split-step.js';

/** DPM++ 2S a that keeps noise along the unconditional answer (Chung et al. 2024, "CFG++"), as ComfyUI has it. */
export const dpmpp2sAncestralCfgPp = defineSampler({
  id: 'dpmpp-2s-ancestral-cfg-pp',
  label: 'DPM++ 2S a CFG++',
  aliases: ['dpmpp_2s_ancestral_cfg_pp'],
  options: ancestralOptions,
  callsPerStep: 2,
  order: 0, // the original mixes answers at two levels, so that more steps do not come nearer to the flow
  drawsNoise: true,
  async *steps({ denoise, noise, sigmas, options: { eta, s_noise }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised, uncond } = await denoise(x, sigma);
      const { down, up } = splitStep(sigma, next, eta);
      if (down === 0) {
        x = denoised;
      } else {
        /** On to `level` along a guess, with the noise that an unconditional answer leaves. */
        const stepTo = (level: number, guess: Tensor, away: Tensor) => {
          const kept = level / sigma;
          return combine([x, denoised, away, guess], [kept, kept, -kept, 1 - kept]);
        };
        const middle = Math.sqrt(sigma * down);
        const ahead = await denoise(stepTo(middle, denoised, uncond), middle);
        x = stepTo(down, ahead.denoised, ahead.uncond);
      }
      if (up > 0) x = addScaled(x, noise(sigma, next), s_noise * up);
      yield { x, denoised, sigma };
    }
  },
});

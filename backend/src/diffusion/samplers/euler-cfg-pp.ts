import { addScaled, combine, defineSampler, noiseRatio, pairs, pictureShare } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { splitStep } from './split-step.js';

/**
 * Euler that goes back to noise along the unconditional answer (Chung et al. 2024, "CFG++"), as ComfyUI has it. It wants a
 * guidance scale of 1 to 2.
 */
export const eulerCfgPp = defineSampler({
  id: 'euler-cfg-pp',
  label: 'Euler CFG++',
  aliases: ['euler_cfg_pp'],
  async *steps({ model, denoise, sigmas, ...input }) {
    const share = (sigma: number) => pictureShare(model, sigma);
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised, uncond } = await denoise(x, sigma);
      const kept = next / sigma;
      x = combine([x, denoised, uncond], [kept, share(next), -kept * share(sigma)]);
      yield { x, denoised, sigma };
    }
  },
});

/** The same with fresh noise after every step. */
export const eulerAncestralCfgPp = defineSampler({
  id: 'euler-ancestral-cfg-pp',
  label: 'Euler a CFG++',
  aliases: ['euler_ancestral_cfg_pp'],
  options: ancestralOptions,
  drawsNoise: true,
  async *steps({ model, denoise, noise, sigmas, options: { eta, s_noise }, ...input }) {
    const share = (sigma: number) => pictureShare(model, sigma);
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised, uncond } = await denoise(x, sigma);
      const { down, up } = splitStep(noiseRatio(model, sigma), noiseRatio(model, next), eta);
      const kept = (share(next) * down) / sigma;
      x = combine([x, denoised, uncond], [kept, share(next), -kept * share(sigma)]);
      if (up > 0) x = addScaled(x, noise(sigma, next), s_noise * share(next) * up);
      yield { x, denoised, sigma };
    }
  },
});

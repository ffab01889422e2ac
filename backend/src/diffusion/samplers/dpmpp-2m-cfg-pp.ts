import { combine, defineSampler, derivative, pairs, type Tensor } from '@atelier/sdk';

/** DPM++ 2M that keeps noise along the unconditional answer (Chung et al. 2024, "CFG++"), as ComfyUI has it. */
export const dpmpp2mCfgPp = defineSampler({
  id: 'dpmpp-2m-cfg-pp',
  label: 'DPM++ 2M CFG++',
  aliases: ['dpmpp_2m_cfg_pp'],
  order: 2,
  async *steps({ denoise, sigmas, memory, ...input }) {
    let x = input.x;
    let before = memory as Before | undefined;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised, uncond } = await denoise(x, sigma);
      const kept = next / sigma;
      if (before === undefined || next === 0) {
        x = combine([x, denoised, uncond], [kept, 1, -kept]);
      } else {
        const ahead = ((1 - kept) * Math.log(sigma / next)) / (2 * Math.log(before.sigma / sigma)); // weight of the change
        x = combine([x, denoised, uncond, before.uncond], [kept, 1 + ahead, -kept, -ahead]);
      }
      before = { uncond, sigma };
      yield { x, denoised, sigma, memory: before };
    }
  },
});

/**
 * What reForge has under that name: DPM++ 2M at a twelfth and a half of the guidance scale, which takes the unconditional noise
 * of the step before for its guess.
 */
export const dpmpp2mCfgPpReforge = defineSampler({
  id: 'dpmpp-2m-cfgpp-reforge',
  label: 'DPM++ 2M CFG++ (reForge)',
  aliases: ['dpmpp_2m_cfgpp'],
  order: 0,
  async *steps({ denoise, sigmas, memory, ...input }) {
    let x = input.x;
    let before = memory as NoiseBefore | undefined;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised: guided, uncond } = await denoise(x, sigma);
      const denoised = combine([guided, uncond], [1 / 12.5, 1 - 1 / 12.5]);
      const seen = derivative(x, uncond, sigma);
      const kept = next / sigma;
      if (before === undefined || next === 0) {
        x = combine([x, denoised], [kept, 1 - kept]);
      } else {
        const ahead = Math.log(sigma / next) / (2 * Math.log(before.sigma / sigma)); // half this step's length over the last one's
        x = combine([x, denoised, before.seen], [kept, (1 - kept) * (1 + ahead), -(1 - kept) * ahead]);
      }
      before = { seen, sigma };
      yield { x, denoised, sigma, memory: before };
    }
  },
});

/** The step before: the unconditional answer, and at which level. */
type Before = { uncond: Tensor; sigma: number };

/** The step before: the noise that the unconditional answer saw, and at which level. */
type NoiseBefore = { seen: Tensor; sigma: number };

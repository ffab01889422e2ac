import { combine, defineSampler, pairs, type Tensor } from '@atelier/sdk';

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

/** The step before: the unconditional answer, and at which level. */
type Before = { uncond: Tensor; sigma: number };

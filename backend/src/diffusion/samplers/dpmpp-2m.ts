import { combine, defineSampler, pairs, type Tensor } from '@atelier/sdk';

/**
 * DPM-Solver++(2M) of Lu et al. 2022, algorithm 2: a second-order step in log σ that gets the change of the model's
 * guess from the step before, so that one model call a step is enough.
 */
export const dpmpp2m = defineSampler({
  id: 'dpmpp-2m',
  label: 'DPM++ 2M',
  aliases: ['k_dpmpp_2m', 'dpmpp_2m'],
  order: 2,
  defaultScheduler: 'karras',
  async *steps({ denoise, sigmas, memory, ...input }) {
    let x = input.x;
    let before = memory as Before | undefined;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const kept = next / sigma; // e^−h, where h is the step's length in log σ
      if (before === undefined || next === 0) {
        x = combine([x, denoised], [kept, 1 - kept]);
      } else {
        const ahead = Math.log(sigma / next) / (2 * Math.log(before.sigma / sigma)); // half this step's length over the last one's
        x = combine([x, denoised, before.denoised], [kept, (1 - kept) * (1 + ahead), -(1 - kept) * ahead]);
      }
      before = { denoised, sigma };
      yield { x, denoised, sigma, memory: before };
    }
  },
});

/** The step before: what the model guessed, and at which level. */
type Before = { denoised: Tensor; sigma: number };

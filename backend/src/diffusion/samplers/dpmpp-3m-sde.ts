import { addScaled, combine, defineSampler, pairs, scale, subtract } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { exploding } from './exploding.js';
import { recall, remember } from './history.js';

/** DPM-Solver++ of third order for the stochastic equation, out of the guesses of the last two steps (Katherine Crowson). */
export const dpmpp3mSde = defineSampler({
  id: 'dpmpp-3m-sde',
  label: 'DPM++ 3M SDE',
  aliases: ['k_dpmpp_3m_sde', 'dpmpp_3m_sde', 'dpmpp_3m_sde_gpu'],
  options: ancestralOptions,
  order: 2, // as it is measured without noise; the third derivative only makes the error smaller
  drawsNoise: true,
  usesBrownianNoise: true,
  discardsNextToLast: true,
  defaultScheduler: 'exponential',
  steps: exploding(async function* ({ denoise, noise, sigmas, options: { eta, s_noise }, memory, ...input }) {
    let x = input.x;
    let past = recall(memory);
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const [before, earlier] = past;
      if (next === 0) {
        x = denoised;
      } else {
        const step = Math.log(sigma / next);
        const length = step * (1 + eta);
        x = combine([x, denoised], [Math.exp(-length), -Math.expm1(-length)]);
        const first = Math.expm1(-length) / length + 1; // weights of the guess's first and second derivative
        const second = first / length - 0.5;
        if (earlier) {
          // steps before this one, in units of it, and the change of the guess over them
          const [r0, r1] = [Math.log(before.sigma / sigma) / step, Math.log(earlier.sigma / before.sigma) / step];
          const latest = scale(subtract(denoised, before.value), 1 / r0);
          const previous = scale(subtract(before.value, earlier.value), 1 / r1);
          const bend = scale(subtract(latest, previous), 1 / (r0 + r1));
          x = combine([x, latest, bend], [1, first, first * r0 - second]);
        } else if (before) {
          const change = (first * step) / Math.log(before.sigma / sigma);
          x = combine([x, denoised, before.value], [1, change, -change]);
        }
        if (eta > 0) x = addScaled(x, noise(sigma, next), s_noise * next * Math.sqrt(-Math.expm1(-2 * eta * step)));
      }
      past = [{ sigma, value: denoised }, ...past].slice(0, 2);
      yield { x, denoised, sigma, memory: remember(past) };
    }
  }),
});

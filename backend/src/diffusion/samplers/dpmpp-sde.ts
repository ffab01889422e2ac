import { addScaled, combine, defineSampler, pairs, z, type Tensor } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { exploding } from './exploding.js';
import { splitStep } from './split-step.js';

/** A stochastic DPM-Solver++ with two model calls a step, on one Brownian path (Lu et al. 2022; Katherine Crowson). */
export const dpmppSde = defineSampler({
  id: 'dpmpp-sde',
  label: 'DPM++ SDE',
  aliases: ['k_dpmpp_sde', 'dpmpp_sde', 'dpmpp_sde_gpu'],
  options: ancestralOptions.extend({
    r: z
      .number()
      .min(0.1)
      .max(1)
      .default(0.5)
      .meta({ infotext: 'DPM SDE midpoint' })
      .describe('Where the second look is, as a share of the step.'),
  }),
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  usesBrownianNoise: true,
  defaultScheduler: 'karras',
  steps: exploding(async function* ({ denoise, noise, sigmas, options: { eta, s_noise, r }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      if (next === 0) {
        x = denoised;
      } else {
        const [start, end] = [timeOf(sigma), timeOf(next)];
        /** From the start of the step, along a guess of the clean latent, to `level`, with the noise up to `time`. */
        const stepTo = (level: number, time: number, guess: Tensor) => {
          const { down, up } = splitStep(sigma, level, eta);
          const reached = combine([x, guess], [down / sigma, 1 - down / sigma]);
          return up > 0 ? addScaled(reached, noise(levelOf(start), levelOf(time)), s_noise * up) : reached;
        };
        const middle = sigma * (next / sigma) ** r;
        const halfway = stepTo(middle, Math.fround(start + Math.fround(Math.fround(end - start) * r)), denoised);
        const ahead = (await denoise(halfway, middle)).denoised;
        x = stepTo(next, end, combine([denoised, ahead], [1 - 1 / (2 * r), 1 / (2 * r)]));
      }
      yield { x, denoised, sigma };
    }
  }),
});

/** −log σ in float32. The original takes every level there and back, and where its path is read depends on the last digit. */
function timeOf(sigma: number): number {
  return Math.fround(-Math.log(Math.fround(sigma)));
}

function levelOf(time: number): number {
  return Math.fround(Math.exp(-time));
}

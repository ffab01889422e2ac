import { addScaled, combine, defineSampler, pairs, z, type Tensor } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { exploding } from './exploding.js';

/** A step of the stochastic exponential solver in log σ, from which several places on the way are reached. */
interface Step {
  x: Tensor;
  sigma: number;
  /** In log σ. */
  length: number;
  eta: number;
  s_noise: number;
  /** Shares of the step between which a noise was drawn, from 0 on, and these noises. */
  shares: readonly number[];
  noises: readonly Tensor[];
}

/** SEEDS of Gonzalez et al. 2023 with two model calls a step, as ComfyUI has it. Its noise is shared by both calls. */
export const seeds2 = defineSampler({
  id: 'seeds-2',
  label: 'SEEDS 2',
  aliases: ['seeds_2'],
  options: ancestralOptions.extend({
    r: z
      .number()
      .min(0.1)
      .max(0.9)
      .default(0.5)
      .meta({ infotext: 'SEEDS midpoint' })
      .describe('Where the second look is, as a share of the step.'),
  }),
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  steps: exploding(async function* ({ denoise, noise, sigmas, options: { eta, s_noise, r }, ...input }) {
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      if (next === 0) {
        x = denoised;
      } else {
        const length = Math.log(sigma / next);
        const middle = sigma * Math.exp(-r * length);
        const noises = eta > 0 && s_noise > 0 ? [noise(sigma, middle), noise(middle, next)] : [];
        const step: Step = { x, sigma, length, eta, s_noise, shares: [0, r, 1], noises };
        const ahead = (await denoise(reach(step, r, denoised), middle)).denoised;
        x = reach(step, 1, combine([denoised, ahead], [1 - 1 / (2 * r), 1 / (2 * r)]));
      }
      yield { x, denoised, sigma };
    }
  }),
});

/** SEEDS of Gonzalez et al. 2023 with three model calls a step, as ComfyUI has it. */
export const seeds3 = defineSampler({
  id: 'seeds-3',
  label: 'SEEDS 3',
  aliases: ['seeds_3'],
  options: ancestralOptions,
  callsPerStep: 3,
  order: 3,
  drawsNoise: true,
  steps: exploding(async function* ({ denoise, noise, sigmas, options: { eta, s_noise }, ...input }) {
    const [first, second] = [1 / 3, 2 / 3];
    let x = input.x;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      if (next === 0) {
        x = denoised;
      } else {
        const length = Math.log(sigma / next);
        const [high, low] = [first, second].map((share) => sigma * Math.exp(-share * length));
        const noises = eta > 0 && s_noise > 0 ? [noise(sigma, high), noise(high, low), noise(low, next)] : [];
        const step: Step = { x, sigma, length, eta, s_noise, shares: [0, first, second, 1], noises };
        /** Weight of the change of the guess over the first `of` of the step, at `share` of it. */
        const weight = (share: number, of: number) => {
          const whole = share * length * (1 + eta);
          return ((Math.expm1(-whole) / whole + 1) * share) / of;
        };
        const corrected = (share: number, guess: Tensor, of: number) =>
          combine([reach(step, share, denoised), guess, denoised], [1, weight(share, of), -weight(share, of)]);
        const ahead = (await denoise(reach(step, first, denoised), high)).denoised;
        const further = (await denoise(corrected(second, ahead, first), low)).denoised;
        x = corrected(1, further, second);
      }
      yield { x, denoised, sigma };
    }
  }),
});

/** The latent at a share of the step, along one guess of the clean latent, with the noise up to there. */
function reach({ x, sigma, length, eta, s_noise, shares, noises }: Step, share: number, guess: Tensor): Tensor {
  const kept = Math.exp(-share * length * (1 + eta));
  const level = sigma * Math.exp(-share * length);
  let reached = combine([x, guess], [kept, 1 - kept]);
  /** What is left of a variance over a share of the step. */
  const left = (over: number) => Math.exp(-2 * over * length * eta);
  for (const [index, fresh] of noises.slice(0, shares.indexOf(share)).entries()) {
    const variance = left(share - shares[index + 1]) - left(share - shares[index]);
    reached = addScaled(reached, fresh, s_noise * level * Math.sqrt(variance));
  }
  return reached;
}

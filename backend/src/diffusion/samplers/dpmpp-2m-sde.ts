import { addScaled, combine, defineSampler, pairs, type SamplerInput, type SamplerStep, type Tensor, type z } from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { exploding } from './exploding.js';

/** DPM-Solver++(2M) for the stochastic equation (Lu et al. 2022): the change of the guess counts as at the step's middle. */
export const dpmpp2mSde = defineSampler({
  id: 'dpmpp-2m-sde',
  label: 'DPM++ 2M SDE',
  aliases: ['k_dpmpp_2m_sde', 'dpmpp_2m_sde', 'dpmpp_2m_sde_gpu'],
  options: ancestralOptions,
  order: 2,
  drawsNoise: true,
  usesBrownianNoise: true,
  defaultScheduler: 'exponential',
  steps: exploding((input) => multistep(input, (length) => -Math.expm1(-length) / 2)),
});

/** The same with the change of the guess integrated over the step, as Heun's method would. */
export const dpmpp2mSdeHeun = defineSampler({
  id: 'dpmpp-2m-sde-heun',
  label: 'DPM++ 2M SDE Heun',
  aliases: ['k_dpmpp_2m_sde_heun', 'dpmpp_2m_sde_heun', 'dpmpp_2m_sde_heun_gpu'],
  options: ancestralOptions,
  order: 2,
  drawsNoise: true,
  usesBrownianNoise: true,
  defaultScheduler: 'exponential',
  steps: exploding((input) => multistep(input, (length) => 1 + Math.expm1(-length) / length)),
});

/** The step before: what the model guessed, and at which level. */
type Before = { denoised: Tensor; sigma: number };

/** @param weightOfChange of the guess from the last step to this, by the step's length in log σ with its noise. */
async function* multistep(
  { denoise, noise, sigmas, options: { eta, s_noise }, memory, ...input }: SamplerInput<z.output<typeof ancestralOptions>>,
  weightOfChange: (length: number) => number,
): AsyncGenerator<SamplerStep> {
  let x = input.x;
  let before = memory as Before | undefined;
  for (const [sigma, next] of pairs(sigmas)) {
    const { denoised } = await denoise(x, sigma);
    if (next === 0) {
      x = denoised;
    } else {
      const step = Math.log(sigma / next);
      const length = step * (1 + eta);
      x = combine([x, denoised], [Math.exp(-length), -Math.expm1(-length)]);
      if (before) {
        const change = (weightOfChange(length) * step) / Math.log(before.sigma / sigma);
        x = combine([x, denoised, before.denoised], [1, change, -change]);
      }
      if (eta > 0) x = addScaled(x, noise(sigma, next), s_noise * next * Math.sqrt(-Math.expm1(-2 * eta * step)));
    }
    before = { denoised, sigma };
    yield { x, denoised, sigma, memory: before };
  }
}

import { add, addScaled, defineSampler, derivative, pairs, type SamplerInput, type SamplerStep } from '@atelier/sdk';
import { churnFor, churnOptions, type ChurnOptions, type ChurnRule } from './churn.js';

/** Looks at both ends of each step and follows the mean slope (Karras et al. 2022, algorithm 2). Two model calls a step. */
export const heun = defineSampler({
  id: 'heun',
  label: 'Heun',
  aliases: ['k_heun'],
  options: churnOptions,
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  steps: (input) => steps(input, 'k-diffusion'),
});

/** The same drawing its churn's noise only where it is used, as ComfyUI does it. */
export const heunComfyui = defineSampler({
  id: 'heun-comfyui',
  label: 'Heun (ComfyUI)',
  options: churnOptions,
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  steps: (input) => steps(input, 'comfyui'),
});

async function* steps(input: SamplerInput<ChurnOptions>, rule: ChurnRule): AsyncGenerator<SamplerStep> {
  const { denoise, sigmas } = input;
  const churn = churnFor(input, rule);
  let x = input.x;
  for (const [sigma, next] of pairs(sigmas)) {
    const start = churn(x, sigma, next);
    const { denoised } = await denoise(start.x, start.sigma);
    const slope = derivative(start.x, denoised, start.sigma);
    const step = next - start.sigma;
    x = addScaled(start.x, slope, step);
    if (next > 0) {
      // at level 0 there is no slope to look at
      const slopeAhead = derivative(x, (await denoise(x, next)).denoised, next);
      x = addScaled(start.x, add(slope, slopeAhead), step / 2);
    }
    yield { x, denoised, sigma, memory: churn.memory };
  }
}

import { addScaled, defineSampler, derivative, pairs, type SamplerInput, type SamplerStep } from '@atelier/sdk';
import { churnFor, churnOptions, type ChurnOptions, type ChurnRule } from './churn.js';

/** Follows the slope in the middle of each step, by log σ (DPM-Solver-2, Lu et al. 2022; Karras et al. 2022, algorithm 2). */
export const dpm2 = defineSampler({
  id: 'dpm-2',
  label: 'DPM2',
  aliases: ['k_dpm_2', 'dpm_2'],
  options: churnOptions,
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  discardsNextToLast: true,
  defaultScheduler: 'karras',
  steps: (input) => steps(input, 'k-diffusion'),
});

/** The same drawing its churn's noise only where it is used, as ComfyUI does it. */
export const dpm2Comfyui = defineSampler({
  id: 'dpm-2-comfyui',
  label: 'DPM2 (ComfyUI)',
  options: churnOptions,
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  discardsNextToLast: true,
  defaultScheduler: 'karras',
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
    if (next === 0) {
      x = addScaled(start.x, slope, step); // log σ has no middle on the way to 0
    } else {
      const middle = Math.sqrt(start.sigma * next);
      const halfway = addScaled(start.x, slope, middle - start.sigma);
      x = addScaled(start.x, derivative(halfway, (await denoise(halfway, middle)).denoised, middle), step);
    }
    yield { x, denoised, sigma, memory: churn.memory };
  }
}

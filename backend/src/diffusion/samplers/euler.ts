import { addScaled, defineSampler, derivative, pairs, type SamplerInput, type SamplerStep } from '@atelier/sdk';
import { churnFor, churnOptions, type ChurnOptions, type ChurnRule } from './churn.js';

/** Follows the slope at the start of each step: the plainest method there is. */
export const euler = defineSampler({
  id: 'euler',
  label: 'Euler',
  aliases: ['k_euler'],
  options: churnOptions,
  drawsNoise: true,
  steps: (input) => steps(input, 'k-diffusion'),
});

/** The same drawing its churn's noise only where it is used, as ComfyUI does it. */
export const eulerComfyui = defineSampler({
  id: 'euler-comfyui',
  label: 'Euler (ComfyUI)',
  options: churnOptions,
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
    x = addScaled(start.x, derivative(start.x, denoised, start.sigma), next - start.sigma);
    yield { x, denoised, sigma, memory: churn.memory };
  }
}

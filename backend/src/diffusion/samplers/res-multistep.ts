import {
  add,
  addScaled,
  combine,
  defineSampler,
  derivative,
  pairs,
  subtract,
  type SamplerInput,
  type SamplerStep,
  type Tensor,
  type z,
} from '@atelier/sdk';
import { ancestralOptions } from './ancestral-options.js';
import { splitStep } from './split-step.js';

/** A refined exponential solver of second order out of two steps (Zhang et al. 2023, "RES"), as ComfyUI has it. */
export const resMultistep = defineSampler({
  id: 'res-multistep',
  label: 'RES Multistep',
  aliases: ['res_multistep'],
  order: 2,
  steps: (input) => multistep(input, { eta: 0, s_noise: 1, isCfgPp: false }),
});

/** The same, back to noise along the unconditional answer (Chung et al. 2024, "CFG++"). */
export const resMultistepCfgPp = defineSampler({
  id: 'res-multistep-cfg-pp',
  label: 'RES Multistep CFG++',
  aliases: ['res_multistep_cfg_pp'],
  order: 2,
  steps: (input) => multistep(input, { eta: 0, s_noise: 1, isCfgPp: true }),
});

/** RES Multistep with fresh noise after every step. */
export const resMultistepAncestral = defineSampler({
  id: 'res-multistep-ancestral',
  label: 'RES Multistep a',
  aliases: ['res_multistep_ancestral'],
  options: ancestralOptions,
  order: 2,
  drawsNoise: true,
  steps: (input) => multistep(input, { ...input.options, isCfgPp: false }),
});

/** RES Multistep a, back to noise along the unconditional answer (Chung et al. 2024, "CFG++"). */
export const resMultistepAncestralCfgPp = defineSampler({
  id: 'res-multistep-ancestral-cfg-pp',
  label: 'RES Multistep a CFG++',
  aliases: ['res_multistep_ancestral_cfg_pp'],
  options: ancestralOptions,
  order: 2,
  drawsNoise: true,
  steps: (input) => multistep(input, { ...input.options, isCfgPp: true }),
});

/** The step before: the answer that counts, the level it was given at, and the level that was stepped down to. */
type Before = { guess: Tensor; sigma: number; down: number };

async function* multistep(
  { denoise, noise, sigmas, memory, ...input }: SamplerInput<unknown>,
  { eta, s_noise, isCfgPp }: z.output<typeof ancestralOptions> & { isCfgPp: boolean },
): AsyncGenerator<SamplerStep> {
  let x = input.x;
  let before = memory as Before | undefined;
  for (const [sigma, next] of pairs(sigmas)) {
    const { denoised, uncond } = await denoise(x, sigma);
    const guess = isCfgPp ? uncond : denoised;
    const { down, up } = splitStep(sigma, next, eta);
    if (down === 0 || before === undefined) {
      x = addScaled(denoised, derivative(x, guess, sigma), down);
    } else {
      const length = Math.log(sigma / down);
      const ago = Math.log(before.down / before.sigma) / length; // where the last answer lies, in units of this step
      const first = -Math.expm1(-length) / length;
      const second = (1 - first) / length;
      const from = isCfgPp ? add(x, subtract(denoised, uncond)) : x;
      x = combine([from, guess, before.guess], [down / sigma, length * (first - second / ago), (length * second) / ago]);
    }
    if (up > 0) x = addScaled(x, noise(sigma, next), s_noise * up);
    before = { guess, sigma, down };
    yield { x, denoised, sigma, memory: before };
  }
}

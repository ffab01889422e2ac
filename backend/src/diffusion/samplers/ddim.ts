import {
  addScaled,
  defineSampler,
  derivative,
  pairs,
  scale,
  z,
  type Denoised,
  type SamplerInput,
  type SamplerStep,
  type Tensor,
} from '@atelier/sdk';
import { splitStep } from './split-step.js';
import { byTimesteps } from './timesteps.js';

const options = z.object({
  eta: z.number().min(0).max(1).default(0).meta({ infotext: 'Eta DDIM' }).describe('Share of each step that is fresh noise.'),
});

/**
 * DDIM of Song et al. 2021 on A1111's timesteps. In variance-exploding form its equation 12 is an Euler step with the
 * noise of an ancestral one, so only the levels, the start and the end are its own.
 */
export const ddim = defineSampler({
  id: 'ddim',
  label: 'DDIM',
  options,
  drawsNoise: true,
  ...byTimesteps,
  steps: (input) => steps(input, ({ denoised }) => denoised),
});

/** DDIM that goes back to noise along the unconditional answer (Chung et al. 2024, "CFG++"), with the whole guidance scale as in Forge. */
export const ddimCfgpp = defineSampler({
  id: 'ddim-cfgpp',
  label: 'DDIM CFG++',
  aliases: ['ddim_cfgpp'],
  options,
  drawsNoise: true,
  ...byTimesteps,
  steps: (input) => steps(input, ({ uncond }) => uncond),
});

/** @param awayFrom which of the model's answers the direction of the noise is taken from. */
async function* steps(
  { denoise, noise, sigmas, options: { eta }, ...input }: SamplerInput<z.output<typeof options>>,
  awayFrom: (answer: Denoised) => Tensor,
): AsyncGenerator<SamplerStep> {
  const last = sigmas[sigmas.length - 1];
  let x = input.x;
  for (const [index, [sigma, next]] of [...pairs(sigmas)].entries()) {
    const answer = await denoise(x, sigma);
    const { denoised } = answer;
    const { down, up } = splitStep(sigma, next, eta);
    x = addScaled(denoised, derivative(x, awayFrom(answer), sigma), down);
    if (up > 0) x = addScaled(x, noise(sigma, next), up);
    if (index === sigmas.length - 2) x = scale(x, 1 / Math.hypot(1, last));
    yield { x, denoised, sigma };
  }
}

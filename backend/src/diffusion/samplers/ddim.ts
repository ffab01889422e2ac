import { addScaled, defineSampler, derivative, pairs, scale, z, type ModelSampling } from '@atelier/sdk';
import { splitStep } from './split-step.js';

/**
 * DDIM of Song et al. 2021 on A1111's timesteps. In variance-exploding form its equation 12 is an Euler step with the
 * noise of an ancestral one, so only the levels, the start and the end are its own: it starts from unit noise of the
 * variance-preserving form, ends at the second timestep and hands over the latent in variance-preserving form.
 */
export const ddim = defineSampler({
  id: 'ddim',
  label: 'DDIM',
  options: z.object({
    eta: z.number().min(0).max(1).default(0).meta({ infotext: 'Eta DDIM' }).describe('Share of each step that is fresh noise.'),
  }),
  drawsNoise: true,
  lastLevel: 'sigma-min',
  minSteps: 2,
  levels: (model, stepCount) => timesteps(model, stepCount).map((timestep) => model.sigmas[timestep]),
  startScale: (sigma) => Math.hypot(1, sigma),
  async *steps({ denoise, noise, sigmas, options: { eta }, ...input }) {
    const last = sigmas[sigmas.length - 1];
    let x = input.x;
    for (const [index, [sigma, next]] of [...pairs(sigmas)].entries()) {
      const { denoised } = await denoise(x, sigma);
      const { down, up } = splitStep(sigma, next, eta);
      x = addScaled(x, derivative(x, denoised, sigma), down - sigma);
      if (up > 0) x = addScaled(x, noise(sigma, next), up);
      if (index === sigmas.length - 2) x = scale(x, 1 / Math.hypot(1, last));
      yield { x, denoised, sigma };
    }
  },
});

/**
 * The timesteps of a run, falling: every ⌊1000 / steps⌋-th one, plus 1. They can be more than were asked for. The last
 * one is where the run ends; the model is not asked there.
 */
export function timesteps(model: ModelSampling, stepCount: number): number[] {
  const count = model.sigmas.length;
  const stride = Math.floor(count / stepCount);
  const rising = Array.from({ length: Math.ceil(count / stride) }, (_, index) => Math.min(index * stride + 1, count - 1));
  return rising.reverse();
}

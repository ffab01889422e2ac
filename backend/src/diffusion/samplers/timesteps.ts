import type { ModelSampling } from '@atelier/sdk';

/**
 * The timesteps of A1111's samplers that go by timesteps, falling: every ⌊1000 / steps⌋-th one, plus 1. They can be more
 * than were asked for. The last one is where the run ends; the model is not asked there.
 */
export function timesteps(model: ModelSampling, stepCount: number): number[] {
  const count = model.sigmas.length;
  const stride = Math.floor(count / stepCount);
  const rising = Array.from({ length: Math.ceil(count / stride) }, (_, index) => Math.min(index * stride + 1, count - 1));
  return rising.reverse();
}

/** Whether a model was trained at whole timesteps, which are then places among its levels. */
export function hasTimesteps({ prediction, sigmaMax, timestepOf }: ModelSampling): boolean {
  return (prediction === 'eps' || prediction === 'v') && Number.isInteger(timestepOf(sigmaMax));
}

/**
 * What such samplers have in common. They come from the variance-preserving form: they start from unit noise of it, and
 * hand over their last latent in it.
 */
export const byTimesteps = {
  lastLevel: 'sigma-min',
  minSteps: 2,
  suits: hasTimesteps,
  levels: (model: ModelSampling, stepCount: number) => timesteps(model, stepCount).map((timestep) => model.sigmas[timestep]),
  startScale: (sigma: number) => Math.hypot(1, sigma),
} as const;

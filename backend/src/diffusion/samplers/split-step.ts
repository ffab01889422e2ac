import { pictureShare, type ModelSampling } from '@atelier/sdk';

/**
 * Splits the way down to `next` into a level to step down to and fresh noise to add back (Euler a and its family), where
 * noise is added to the picture. The two recombine: down² + up² = next². At eta 0 nothing is added, above 1 `up` is held at `next`.
 */
export function splitStep(sigma: number, next: number, eta: number): { down: number; up: number } {
  const up = Math.min(next, eta * next * Math.sqrt(1 - (next / sigma) ** 2));
  return { down: Math.sqrt(next ** 2 - up ** 2), up };
}

/** How a latent is brought from a level back up to a noisier one: what of it is kept, and how strong the fresh noise is. */
export interface BackUp {
  kept: number;
  up: number;
}

/** Back up from `down` to `next`: of a flow model, the picture must fade as noise comes in. */
export function backUp(model: ModelSampling, down: number, next: number): BackUp {
  const kept = pictureShare(model, next) / pictureShare(model, down);
  return { kept, up: Math.sqrt(Math.max(next ** 2 - (kept * down) ** 2, 0)) };
}

/** The same split for any model. A flow model steps further down by the share that it has to go, eta times, as in ComfyUI. */
export function ancestralStep(model: ModelSampling, sigma: number, next: number, eta: number): BackUp & { down: number } {
  if (model.prediction !== 'flow') return { ...splitStep(sigma, next, eta), kept: 1 };
  const down = Math.max(next * (1 + (next / sigma - 1) * eta), 0);
  return { down, ...backUp(model, down, next) };
}

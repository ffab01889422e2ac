import { addScaled, subtract, type Tensor } from '@atelier/sdk';

/** A latent on the way of DPM-Solver (Lu et al. 2022), whose steps are even in −log σ. */
interface Start {
  x: Tensor;
  sigma: number;
  /** How far to go, in −log σ. */
  length: number;
}

/** Where the looks of second and third order are, as shares of the step. */
export const looks = { second: [1 / 2], third: [1 / 3, 2 / 3] } as const;

/** The level at a share of the step. */
export function levelAlong({ sigma, length }: Start, share: number): number {
  return sigma * Math.exp(-share * length);
}

/** First order: on by a share of the step, along the noise seen at its start. */
export function firstOrder(start: Start, noise: Tensor, share = 1): Tensor {
  return addScaled(start.x, noise, -levelAlong(start, share) * Math.expm1(share * start.length));
}

/** Second order, from the noise seen at the start and at the share `look` of the step. */
export function secondOrder(start: Start, noise: readonly Tensor[], look: number): Tensor {
  const change = (levelAlong(start, 1) * Math.expm1(start.length)) / (2 * look);
  return addScaled(firstOrder(start, noise[0]), subtract(noise[1], noise[0]), -change);
}

/** The second look of third order, at the share `look`, from the noise seen at the start and at the share `before`. */
export function secondLook(start: Start, noise: readonly Tensor[], before: number, look: number): Tensor {
  const length = look * start.length;
  const change = (levelAlong(start, look) * look * (Math.expm1(length) / length - 1)) / before;
  return addScaled(firstOrder(start, noise[0], look), subtract(noise[1], noise[0]), -change);
}

/** Third order, from the noise seen at the start and at the share `look`, which the second look has reached. */
export function thirdOrder(start: Start, noise: readonly Tensor[], look: number): Tensor {
  const change = (levelAlong(start, 1) * (Math.expm1(start.length) / start.length - 1)) / look;
  return addScaled(firstOrder(start, noise[0]), subtract(noise[2], noise[0]), -change);
}

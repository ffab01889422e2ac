import { defineScheduler } from '@atelier/sdk';
import { roundHalfToEven } from '../round-half-to-even.js';

/** Both shape parameters of the distribution: below 1, so that the ends are denser than the middle. */
const SHAPE = 0.6;

/** Quantiles of a Beta distribution, stretched over the range of levels: A1111's and Forge's reading of Lee et al. 2024. */
export const beta = defineScheduler({
  id: 'beta',
  label: 'Beta',
  levels({ sigmaMin, sigmaMax }, stepCount) {
    const shares = Array.from({ length: stepCount }, (_, index) => index / Math.max(stepCount - 1, 1));
    return [...shares.map((share) => sigmaMin + quantile(1 - share) * (sigmaMax - sigmaMin)), 0];
  },
});

/** The same quantiles over timesteps instead of levels, as the paper and ComfyUI have it. Steps on one timestep are one step. */
export const betaComfyui = defineScheduler({
  id: 'beta-comfyui',
  label: 'Beta (ComfyUI)',
  levels({ sigmas }, stepCount) {
    const timesteps = Array.from({ length: stepCount }, (_, index) =>
      roundHalfToEven(quantile(1 - index / stepCount) * (sigmas.length - 1)),
    );
    return [...[...new Set(timesteps)].map((timestep) => sigmas[timestep]), 0];
  },
});

/** Where the symmetric Beta distribution has the share `probability` below it. */
function quantile(probability: number): number {
  if (probability === 0.5) return 0.5; // exactly, because timesteps are rounded
  if (probability > 0.5) return 1 - quantile(1 - probability);
  const wanted = probability * 2 * areaBelow(0.5); // by symmetry, half of the whole lies below the middle
  let low = 0;
  let high = 0.5;
  while (high - low > Number.EPSILON * high) {
    const middle = (low + high) / 2;
    if (areaBelow(middle) < wanted) low = middle;
    else high = middle;
  }
  return high;
}

/** The integral of t^(a−1) · (1−t)^(a−1) from 0 to `x` ≤ ½, as its power series (NIST DLMF 8.17.7). */
function areaBelow(x: number): number {
  let sum = 0;
  let term = x ** SHAPE;
  for (let k = 0; term > Number.EPSILON * sum; k++) {
    sum += term / (SHAPE + k);
    term *= ((k + 1 - SHAPE) / (k + 1)) * x;
  }
  return sum;
}

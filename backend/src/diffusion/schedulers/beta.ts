import { defineScheduler, z } from '@atelier/sdk';
import { roundHalfToEven } from '../round-half-to-even.js';

const options = z.object({
  beta_dist_alpha: shape('Beta schedule alpha', 'low'),
  beta_dist_beta: shape('Beta schedule beta', 'high'),
});

/** A shape parameter of the distribution; below 1 for both, its ends are denser than its middle. */
function shape(infotext: string, end: 'low' | 'high'): z.ZodDefault<z.ZodNumber> {
  return z.number().min(0.01).max(5).default(0.6).meta({ infotext }).describe(`Lower gives more steps to ${end} noise.`);
}

/** Quantiles of a Beta distribution, stretched over the range of levels: A1111's and Forge's reading of Lee et al. 2024. */
export const beta = defineScheduler({
  id: 'beta',
  label: 'Beta',
  options,
  levels({ sigmaMin, sigmaMax }, stepCount, { beta_dist_alpha: a, beta_dist_beta: b }) {
    const shares = Array.from({ length: stepCount }, (_, index) => index / Math.max(stepCount - 1, 1));
    return [...shares.map((share) => sigmaMin + quantile(1 - share, a, b) * (sigmaMax - sigmaMin)), 0];
  },
});

/** The same quantiles over timesteps instead of levels, as the paper and ComfyUI have it. Steps on one timestep are one step. */
export const betaComfyui = defineScheduler({
  id: 'beta-comfyui',
  label: 'Beta (ComfyUI)',
  options,
  levels({ sigmas }, stepCount, { beta_dist_alpha: a, beta_dist_beta: b }) {
    const timesteps = Array.from({ length: stepCount }, (_, index) =>
      roundHalfToEven(quantile(1 - index / stepCount, a, b) * (sigmas.length - 1)),
    );
    return [...[...new Set(timesteps)].map((timestep) => sigmas[timestep]), 0];
  },
});

/** Where the Beta distribution with the shapes `a` and `b` has the share `probability` below it. */
function quantile(probability: number, a: number, b: number): number {
  if (a === b && probability === 0.5) return 0.5; // exactly, because timesteps are rounded
  const below = areaBelow(0.5, a, b);
  const wanted = probability * (below + areaBelow(0.5, b, a));
  if (wanted > below) return 1 - quantile(1 - probability, b, a);
  let low = 0;
  let high = 0.5;
  while (high - low > Number.EPSILON * high) {
    const middle = (low + high) / 2;
    if (areaBelow(middle, a, b) < wanted) low = middle;
    else high = middle;
  }
  return high;
}

/** The integral of t^(a−1) · (1−t)^(b−1) from 0 to `x` ≤ ½, as its power series (NIST DLMF 8.17.7). */
function areaBelow(x: number, a: number, b: number): number {
  let sum = 0;
  let term = x ** a;
  for (let k = 0; Math.abs(term) > Number.EPSILON * sum; k++) {
    sum += term / (a + k);
    term *= ((k + 1 - b) / (k + 1)) * x;
  }
  return sum;
}

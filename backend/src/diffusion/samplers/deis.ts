import { add, combine, defineSampler, derivative, pairs, z } from '@atelier/sdk';
import { recall, remember, values, type Past } from './history.js';

/** The range of levels of the linear variance-preserving schedule in which DEIS thinks, and its smallest time. */
const [LOWEST, HIGHEST, SMALLEST_TIME] = [0.002, 80, 1e-3];

/** Far below the range, levels have no time of their own; a step to there follows its slope. */
const NO_TIME_BELOW = 1e-4;

/** Points of the sum that stands for an integral, as in the original: its pictures depend on it a little. */
const POINTS = 10_000;

/** DEIS of Zhang and Chen 2022 ("tAB"): follows the polynomial through the latest slopes in the time of a linear schedule. */
export const deis = defineSampler({
  id: 'deis',
  label: 'DEIS',
  options: z.object({
    max_order: z.int().min(1).max(4).default(3).meta({ infotext: 'DEIS order' }).describe('How many slopes the polynomial goes through.'),
  }),
  order: 3,
  async *steps({ denoise, sigmas, options: { max_order }, memory, ...input }) {
    let x = input.x;
    let past = recall(memory);
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      past = [{ sigma, value: derivative(x, denoised, sigma) }, ...past].slice(0, max_order);
      const weights = past.length === 1 || next < NO_TIME_BELOW ? [next - sigma] : integrals(past, next);
      x = add(x, combine(values(past).slice(0, weights.length), weights));
      yield { x, denoised, sigma, memory: remember(past) };
    }
  },
});

/** β(t) = `start` + `rise` · t of the schedule whose levels are `LOWEST` at the smallest time and `HIGHEST` at 1. */
const rise = (2 * (Math.log(LOWEST ** 2 + 1) / SMALLEST_TIME - Math.log(HIGHEST ** 2 + 1))) / (SMALLEST_TIME - 1);
const start = Math.log(HIGHEST ** 2 + 1) - rise / 2;

function timeOf(sigma: number): number {
  const noise = Math.log1p(sigma ** 2);
  return (2 * noise) / (Math.sqrt(start ** 2 + 2 * rise * noise) + start);
}

/** How fast σ moves per unit of time. */
function speedAt(time: number): number {
  const logAlpha = -0.5 * time ** 2 * rise - time * start; // ᾱ = e^this
  return (0.5 * (time * rise + start)) / Math.sqrt(Math.exp(logAlpha) * -Math.expm1(logAlpha));
}

/** For each past slope: the integral, over the step to `next`, of its basis polynomial in time and the speed of σ. */
function integrals(past: readonly Past[], next: number): number[] {
  const times = past.map(({ sigma }) => timeOf(sigma));
  const length = timeOf(next) - times[0];
  const sums = times.map(() => 0);
  for (let point = 0; point < POINTS; point++) {
    const time = times[0] + (length * point) / (POINTS - 1);
    const speed = speedAt(time);
    for (const [index, own] of times.entries()) {
      let basis = speed;
      for (const [other, zero] of times.entries()) if (other !== index) basis *= (time - zero) / (own - zero);
      sums[index] += basis;
    }
  }
  return sums.map((sum) => (sum * length) / POINTS);
}

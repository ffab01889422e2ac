import { defineScheduler, z } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Evenly spaced in σ^(1/ρ), with ρ = 7, which gives most steps to low noise (Karras et al. 2022, equation 5). */
export const karras = defineScheduler({
  id: 'karras',
  label: 'Karras',
  options: z.object({
    rho: z.number().min(0.1).max(100).default(7).meta({ infotext: 'Schedule rho' }).describe('Higher gives more steps to low noise.'),
  }),
  levels: ({ sigmaMin, sigmaMax }, stepCount, { rho }) => karrasLevels(sigmaMin, sigmaMax, stepCount, rho),
});

/** The same with an exponent that goes two up and down over the run, as reForge has it. It starts far above the model's highest level. */
export const karrasDynamic = defineScheduler({
  id: 'karras-dynamic',
  label: 'Karras Dynamic',
  aliases: ['karras dynamic'],
  suits: ({ prediction }) => prediction !== 'flow', // whose levels end at 1
  options: z.object({
    karras_dynamic_rho: z
      .number()
      .min(1)
      .max(100)
      .default(7)
      .meta({ infotext: 'Karras Dynamic rho' })
      .describe('The exponent in the middle.'),
  }),
  levels({ sigmaMin, sigmaMax }, stepCount, { karras_dynamic_rho: rho }) {
    const [lowest, highest] = [sigmaMin, sigmaMax].map((sigma) => sigma ** (1 / rho));
    const span = Math.fround(lowest - highest);
    const rootAt = (share: number) => Math.fround(Math.fround(highest) + Math.fround(share * span));
    const exponentAt = (index: number) => Math.fround(rho + 2 * Math.cos((2 * Math.PI * index) / stepCount));
    return [...ramp(0, 1, stepCount).map((share, index) => rootAt(share) ** exponentAt(index)), 0];
  },
});

/**
 * `stepCount` levels from `sigmaMax` to `sigmaMin`, then 0. The root is rounded to float32 as in k-diffusion: the power
 * makes seven times as much of that rounding.
 */
export function karrasLevels(sigmaMin: number, sigmaMax: number, stepCount: number, rho = 7): number[] {
  const highest = sigmaMax ** (1 / rho);
  const span = Math.fround(sigmaMin ** (1 / rho) - highest);
  return [...ramp(0, 1, stepCount).map((share) => Math.fround(Math.fround(Math.fround(highest) + Math.fround(share * span)) ** rho)), 0];
}

import { defineScheduler, z } from '@atelier/sdk';

const GOLDEN = (1 + Math.sqrt(5)) / 2;

/** Down by a power of the golden ratio, as reForge has it. A single step starts at the root of the highest level. */
export const phi = defineScheduler({
  id: 'phi',
  label: 'Phi',
  options: z.object({
    phi_power: z.number().min(0.1).max(10).default(2).meta({ infotext: 'Phi power' }).describe('Higher gives more steps to low noise.'),
  }),
  levels({ sigmaMin, sigmaMax }, stepCount, { phi_power: power }) {
    if (stepCount === 1) return [Math.sqrt(sigmaMax), 0];
    const levelAt = (share: number) => sigmaMin + (sigmaMax - sigmaMin) * (1 - share) ** (GOLDEN ** power);
    return [...Array.from({ length: stepCount }, (_, index) => levelAt(index / (stepCount - 1))), 0];
  },
});

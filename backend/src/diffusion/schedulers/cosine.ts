import { defineScheduler, z } from '@atelier/sdk';

/** Along half of a cosine over the root of the share of the run, as reForge has it. A single step starts at the root of the highest level. */
export const cosine = defineScheduler({
  id: 'cosine',
  label: 'Cosine',
  options: z.object({
    cosine_sf_factor: z.number().min(0.1).max(1).default(1).meta({ infotext: 'Cosine factor' }).describe('Takes all levels down.'),
  }),
  levels({ sigmaMin, sigmaMax }, stepCount, { cosine_sf_factor: factor }) {
    if (stepCount === 1) return [Math.sqrt(sigmaMax), 0];
    const wave = (share: number) => (1 - Math.cos(Math.PI * (1 - Math.sqrt(share)))) / 2;
    const levelAt = (share: number) => factor * (sigmaMin + (sigmaMax - sigmaMin) * wave(share));
    return [...Array.from({ length: stepCount }, (_, index) => levelAt(index / (stepCount - 1))), 0];
  },
});

import { defineExtension, defineScheduler, z } from '@atelier/sdk';

/** Slow at both ends and fast between, in log σ: the smoothstep 3s² − 2s³ of the share of the run, mixed with an even fall. */
const smooth = defineScheduler({
  id: 'smooth',
  label: 'Smooth',
  options: z.object({
    smoothness: z.number().min(0).max(1).default(1).describe('How much steps crowd at both ends; at 0 they are even in log σ.'),
  }),
  minSteps: 2,
  levels({ sigmaMin, sigmaMax }, stepCount, { smoothness }) {
    const levelAt = (share: number) => {
      const eased = share + smoothness * (share ** 2 * (3 - 2 * share) - share);
      return sigmaMax * (sigmaMin / sigmaMax) ** eased;
    };
    return [...Array.from({ length: stepCount }, (_, index) => levelAt(index / (stepCount - 1))), 0];
  },
});

export default defineExtension({ schedulers: [smooth] });

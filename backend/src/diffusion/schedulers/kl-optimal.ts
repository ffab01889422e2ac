import { defineScheduler } from '@atelier/sdk';

/**
 * Evenly spaced in arctan σ (Sabour et al. 2024, "Align Your Steps", equation for the optimum on a Gaussian), as Forge does
 * it: the last of the levels is the model's lowest, and no step leads to 0.
 */
export const klOptimal = defineScheduler({
  id: 'kl-optimal',
  label: 'KL Optimal',
  aliases: ['kl_optimal'],
  lastLevel: 'sigma-min',
  levels: ({ sigmaMin, sigmaMax }, stepCount) => evenInArctan(sigmaMin, sigmaMax, stepCount + 1),
});

/** The same levels in ComfyUI's count: the lowest one comes a step earlier, and a last step leads to 0. */
export const klOptimalComfyui = defineScheduler({
  id: 'kl-optimal-comfyui',
  label: 'KL Optimal (ComfyUI)',
  minSteps: 2,
  levels: ({ sigmaMin, sigmaMax }, stepCount) => [...evenInArctan(sigmaMin, sigmaMax, stepCount), 0],
});

/** `count` levels, in float32 up to the tangent as in the originals, because it is steep there. */
function evenInArctan(sigmaMin: number, sigmaMax: number, count: number): number[] {
  const [lowest, highest] = [sigmaMin, sigmaMax].map((sigma) => Math.fround(Math.atan(sigma)));
  return Array.from({ length: count }, (_, index) => {
    const share = Math.fround(index / (count - 1));
    return Math.tan(Math.fround(Math.fround(share * lowest) + Math.fround(Math.fround(1 - share) * highest)));
  });
}

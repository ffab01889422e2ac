import {
  add,
  addScaled,
  combine,
  defineSampler,
  derivative,
  noiseRatio,
  pairs,
  rows,
  tensor,
  z,
  type ModelSampling,
  type Tensor,
} from '@atelier/sdk';
import { karrasLevels } from '../schedulers/karras.js';
import { backUp } from './split-step.js';

/** Where runs are taken back up, as noise over picture: from the level nearest to the first to that nearest to the second. */
const [FROM, BACK_TO] = [0.1, 2];

/**
 * Restart of Xu et al. 2023: Heun's method that, near the end, goes back up with fresh noise and comes down again, which
 * takes out errors of earlier steps. With fewer than 20 steps there is no restart; from then on the levels are Karras's
 * between the given ends.
 */
export const restart = defineSampler({
  id: 'restart',
  label: 'Restart',
  options: z.object({
    s_noise: z.number().min(0).max(2).default(1).meta({ infotext: 'Sigma noise' }).describe('Strength of the noise of a restart.'),
  }),
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  defaultScheduler: 'karras',
  async *steps({ model, denoise, noise, sigmas, options: { s_noise }, memory, ...input }) {
    let x = input.x;
    let plan = (memory?.plan as Tensor | undefined) ?? planOf(model, sigmas);
    let reached = (memory?.reached as number | undefined) ?? plan.data[0];
    while (plan.shape[0] > 0) {
      const [sigma, next] = plan.data;
      if (sigma > reached) {
        const { kept, up } = backUp(model, reached, sigma);
        x = combine([x, noise(reached, sigma)], [kept, s_noise * up]);
      }
      const { denoised } = await denoise(x, sigma);
      const slope = derivative(x, denoised, sigma);
      const ahead = addScaled(x, slope, next - sigma);
      if (next === 0) x = ahead;
      else x = addScaled(x, add(slope, derivative(ahead, (await denoise(ahead, next)).denoised, next)), (next - sigma) / 2);
      plan = rows(plan, 1, plan.shape[0]);
      reached = next;
      yield { x, denoised, sigma, memory: { plan, reached } };
    }
  },
});

/** Where each step starts and ends, [steps, 2]: as many as were asked for, restarts included. */
function planOf(model: ModelSampling, sigmas: readonly number[]): Tensor {
  const stepCount = sigmas.length - 1;
  const times = stepCount >= 36 ? 2 : stepCount >= 20 ? 1 : 0;
  if (times === 0) return planFrom([...pairs(sigmas)]);

  const length = times === 2 ? Math.floor(stepCount / 4) : 9;
  const levels = karrasLevels(sigmas[stepCount - 1], sigmas[0], stepCount - length * times);
  const ratios = levels.map((level) => noiseRatio(model, level));
  const [from, backTo] = [nearest(ratios, FROM), nearest(ratios, BACK_TO)];
  const down = [...pairs(levels)];
  if (backTo >= from) return planFrom(down);
  const again = [...pairs(karrasLevels(levels[from], levels[backTo], length + 1).slice(0, -1))];
  return planFrom([...down.slice(0, from), ...Array.from({ length: times }, () => again).flat(), ...down.slice(from)]);
}

function planFrom(steps: readonly (readonly [number, number])[]): Tensor {
  return tensor([steps.length, 2], Float64Array.from(steps.flat()));
}

/** The place of the level nearest to a wanted one. */
function nearest(levels: readonly number[], wanted: number): number {
  return levels.reduce((best, level, index) => (Math.abs(level - wanted) < Math.abs(levels[best] - wanted) ? index : best), 0);
}

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

/** One place where a run is taken back up, as noise over picture: from the level nearest to `from` to that nearest to `backTo`. */
interface Restart {
  from: number;
  backTo: number;
  /** Levels on the way down again, both ends among them. */
  levelCount: number;
  times: number;
}

const number = String.raw`\s*\d+(?:\.\d+)?\s*`;
const count = String.raw`\s*\d+\s*`;
const entry = `${number}:${count},${count},${number}`;
const listPattern = new RegExp(`^(?:${entry}(?:;${entry})*)?$`);

/** Restarts of a list that fits the pattern. */
function restartsOf(list: string): Restart[] {
  const entries = list.split(';').filter((text) => text.trim() !== '');
  return entries.map((text) => {
    const [from, levelCount, times, backTo] = text.split(/[:,]/).map(Number);
    return { from, levelCount, times, backTo };
  });
}

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
    restart_list: z
      .string()
      .regex(listPattern)
      .default('')
      .meta({ infotext: 'Restart list' })
      .describe('Where to go back up instead, as "from: levels, times, up to; …" such as "0.1: 4, 1, 2".'),
  }),
  callsPerStep: 2,
  order: 2,
  drawsNoise: true,
  defaultScheduler: 'karras',
  async *steps({ model, denoise, noise, sigmas, options: { s_noise, restart_list }, memory, ...input }) {
    let x = input.x;
    let plan = (memory?.plan as Tensor | undefined) ?? planOf(model, sigmas, restartsOf(restart_list));
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

/** Where each step starts and ends, [steps, 2]: as many as were asked for where restarts follow from that, else more by the listed ones. */
function planOf(model: ModelSampling, sigmas: readonly number[], listed: readonly Restart[]): Tensor {
  const { levels, restarts } = listed.length > 0 ? { levels: sigmas, restarts: listed } : usual(sigmas);
  const ratios = levels.map((level) => noiseRatio(model, level));
  const steps: (readonly [number, number])[] = [];
  for (const [index, step] of [...pairs(levels)].entries()) {
    steps.push(step);
    const restart = restarts.find(({ from }) => nearest(ratios, from) === index + 1);
    if (!restart) continue;
    const backTo = nearest(ratios, restart.backTo);
    if (backTo > index) continue;
    const again = karrasLevels(levels[index + 1], levels[backTo], restart.levelCount).slice(0, -1);
    for (let time = 0; time < restart.times; time++) steps.push(...pairs(again));
  }
  return tensor([steps.length, 2], Float64Array.from(steps.flat()));
}

/** What A1111 does in so many steps. */
function usual(sigmas: readonly number[]): { levels: readonly number[]; restarts: readonly Restart[] } {
  const stepCount = sigmas.length - 1;
  const times = stepCount >= 36 ? 2 : stepCount >= 20 ? 1 : 0;
  if (times === 0) return { levels: sigmas, restarts: [] };
  const length = times === 2 ? Math.floor(stepCount / 4) : 9;
  const levels = karrasLevels(sigmas[stepCount - 1], sigmas[0], stepCount - length * times);
  return { levels, restarts: [{ from: 0.1, backTo: 2, levelCount: length + 1, times }] };
}

/** The place of the level nearest to a wanted one. */
function nearest(levels: readonly number[], wanted: number): number {
  return levels.reduce((best, level, index) => (Math.abs(level - wanted) < Math.abs(levels[best] - wanted) ? index : best), 0);
}

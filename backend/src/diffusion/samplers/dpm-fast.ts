import { combine, defineSampler, derivative, pairs, type Tensor } from '@atelier/sdk';
import { ramp } from '../schedulers/ramp.js';
import { ancestralOptions } from './ancestral-options.js';
import { firstOrder, levelAlong, looks, secondLook, secondOrder, thirdOrder } from './dpm-solver.js';
import { ancestralStep, backUp } from './split-step.js';

/**
 * DPM-Solver-fast of Lu et al. 2022: as many third-order steps as the model calls allow, and a shorter one or two for the
 * rest. Each step here is one model call, so that a run can be shown and stopped within the solver's steps.
 */
export const dpmFast = defineSampler({
  id: 'dpm-fast',
  label: 'DPM fast',
  aliases: ['k_dpm_fast', 'dpm_fast'],
  options: ancestralOptions,
  order: 3,
  drawsNoise: true,
  lastLevel: 'sigma-min',
  levels({ sigmaMin, sigmaMax }, stepCount) {
    const orders = ordersOf(stepCount);
    const times = ramp(-Math.log(sigmaMax), -Math.log(sigmaMin), orders.length + 1);
    const looked = orders.flatMap((order, segment) => {
      const length = times[segment + 1] - times[segment];
      return Array.from({ length: order }, (_, look) => times[segment] + (look / order) * length);
    });
    return [...looked, times[orders.length]].map((time) => Math.exp(-time));
  },
  async *steps({ model, denoise, noise, sigmas, options: { eta, s_noise }, memory, ...input }) {
    const before = (memory?.done as number | undefined) ?? 0;
    const orders = ordersOf(before + sigmas.length - 1);
    const end = sigmas[sigmas.length - 1];
    let x = input.x;
    let segment = memory as Segment | undefined;
    for (const [index, [sigma]] of [...pairs(sigmas)].entries()) {
      const { order, look } = placeOf(orders, before + index);
      if (look === 0 || segment === undefined) segment = { x, sigma, next: sigmas[index + order], noise0: x };
      // fresh noise at the segment's end makes room for itself: the solver steps further down, but not below the last level
      const down = Math.max(ancestralStep(model, segment.sigma, segment.next, eta).down, end);
      const start = { x: segment.x, sigma: segment.sigma, length: Math.log(segment.sigma / down) };
      const level = look === 0 ? sigma : levelAlong(start, look / order);
      const { denoised } = await denoise(x, level);
      segment = { ...segment, [`noise${look}`]: derivative(x, denoised, level) };
      const seen = [segment.noise0, segment.noise1, segment.noise2] as Tensor[];
      if (look < order - 1) {
        x = look === 0 ? firstOrder(start, seen[0], 1 / order) : secondLook(start, seen, ...looks.third);
      } else {
        if (order === 3) x = thirdOrder(start, seen, looks.third[1]);
        else x = order === 2 ? secondOrder(start, seen, looks.second[0]) : firstOrder(start, seen[0]);
        const { kept, up } = backUp(model, down, segment.next);
        if (eta > 0) x = combine([x, noise(segment.sigma, segment.next)], [kept, s_noise * up]);
      }
      yield { x, denoised, sigma: level, memory: { ...segment, done: before + index + 1 } };
    }
  },
});

/** One step of the solver: where it starts and ends, and the noise that was seen in it so far. */
type Segment = { x: Tensor; sigma: number; next: number; noise0: Tensor; noise1?: Tensor; noise2?: Tensor };

/** The solver's steps for so many model calls, as the calls that each takes. */
function ordersOf(calls: number): number[] {
  const full = Math.floor(calls / 3);
  if (calls % 3 === 0) return [...Array.from({ length: full - 1 }, () => 3), 2, 1];
  return [...Array.from({ length: full }, () => 3), calls % 3];
}

/** In which of the solver's steps a model call lies, and which look it is in it. */
function placeOf(orders: readonly number[], call: number): { order: number; look: number } {
  let look = call;
  for (const order of orders) {
    if (look < order) return { order, look };
    look -= order;
  }
  throw new RangeError(`There is no model call ${call} in steps of ${orders.join(', ')}.`);
}

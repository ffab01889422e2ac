import { combine, defineSampler, derivative, pairs, z, type Denoise, type Tensor } from '@atelier/sdk';
import { ramp } from '../schedulers/ramp.js';
import { ancestralOptions } from './ancestral-options.js';
import { firstOrder, levelAlong, looks, secondLook, secondOrder, thirdOrder } from './dpm-solver.js';
import { ancestralStep, backUp } from './split-step.js';

/** The first step's length in −log σ, and how much of a proposed change makes a step be taken. */
const [FIRST_LENGTH, LEAST_FACTOR] = [0.05, 0.81];

/** Allowed error of a step: in the latent's units, and as a share of the latent; the larger counts. */
const [ALLOWED, ALLOWED_SHARE] = [0.0078, 0.05];

/** How near to the end, in −log σ, is there. */
const NEAR = 1e-5;

/**
 * DPM-Solver-12 and -23 of Lu et al. 2022, with steps as long as an error estimate allows. The number of steps has no
 * effect on the picture: it only says how often the run reports, evenly in log σ.
 */
export const dpmAdaptive = defineSampler({
  id: 'dpm-adaptive',
  label: 'DPM adaptive',
  aliases: ['k_dpm_ad', 'dpm_adaptive'],
  options: ancestralOptions.extend({
    order: z
      .int()
      .min(2)
      .max(3)
      .default(3)
      .meta({ infotext: 'DPM adaptive order' })
      .describe('Order of the better of the two solvers that are compared.'),
  }),
  callsPerStep: 3,
  order: 3,
  drawsNoise: true,
  lastLevel: 'sigma-min',
  levels: ({ sigmaMin, sigmaMax }, stepCount) =>
    ramp(-Math.log(sigmaMax), -Math.log(sigmaMin), stepCount + 1).map((time) => Math.exp(-time)),
  async *steps({ model, denoise, noise, sigmas, options, memory, x }) {
    const end = sigmas.findLast((sigma) => sigma > 0)!; // −log σ has no step to 0
    let state = (memory ?? { x, sigma: sigmas[0], lower: x, denoised: x, length: FIRST_LENGTH }) as State;
    for (const [sigma, mark] of pairs(sigmas)) {
      while (Math.log(state.sigma / Math.max(mark, end)) > NEAR) {
        const next = Math.max(end, state.sigma * Math.exp(-state.length));
        const down = Math.max(ancestralStep(model, state.sigma, next, options.eta).down, end);
        const start = { x: state.x, sigma: state.sigma, length: Math.log(state.sigma / down) };
        const { lower, higher, denoised } = await (options.order === 2 ? firstAndSecond : secondAndThird)(start, denoise);
        const factor = lengthFactor(errorOf(state, lower, higher), options);
        const length = state.length * factor;
        if (factor >= LEAST_FACTOR) {
          const { kept, up } = backUp(model, down, next);
          const reached = options.eta > 0 ? combine([higher, noise(state.sigma, next)], [kept, options.s_noise * up]) : higher;
          state = { x: reached, sigma: next, lower, denoised, length };
        } else {
          state = { ...state, denoised, length };
        }
      }
      yield { x: state.x, denoised: state.denoised, sigma, memory: state };
    }
  },
});

/** Where the run is, apart from the marks at which it reports. */
type State = {
  x: Tensor;
  sigma: number;
  /** What the lower of both solvers made of the last step: errors are seen in relation to it. */
  lower: Tensor;
  denoised: Tensor;
  /** Of the step to be tried next, in −log σ. */
  length: number;
};

type Start = Parameters<typeof firstOrder>[0];

/** What two solvers make of a step; they share the noise that they see. */
type Attempt = { lower: Tensor; higher: Tensor; denoised: Tensor };

async function firstAndSecond(start: Start, denoise: Denoise): Promise<Attempt> {
  const [look] = looks.second;
  const { denoised, seen } = await seeNoise(start.x, start.sigma, denoise);
  const ahead = await seeNoise(firstOrder(start, seen, look), levelAlong(start, look), denoise);
  return { lower: firstOrder(start, seen), higher: secondOrder(start, [seen, ahead.seen], look), denoised };
}

async function secondAndThird(start: Start, denoise: Denoise): Promise<Attempt> {
  const [first, second] = looks.third;
  const { denoised, seen } = await seeNoise(start.x, start.sigma, denoise);
  const ahead = await seeNoise(firstOrder(start, seen, first), levelAlong(start, first), denoise);
  const further = await seeNoise(secondLook(start, [seen, ahead.seen], first, second), levelAlong(start, second), denoise);
  const all = [seen, ahead.seen, further.seen];
  return { lower: secondOrder(start, all, first), higher: thirdOrder(start, all, second), denoised };
}

async function seeNoise(x: Tensor, sigma: number, denoise: Denoise): Promise<{ denoised: Tensor; seen: Tensor }> {
  const { denoised } = await denoise(x, sigma);
  return { denoised, seen: derivative(x, denoised, sigma) };
}

/** How far both solvers lie apart, in units of what is allowed; the root of the mean square over all elements. */
function errorOf(state: State, lower: Tensor, higher: Tensor): number {
  let sum = 0;
  for (const [i, value] of lower.data.entries()) {
    const allowed = Math.max(ALLOWED, ALLOWED_SHARE * Math.max(Math.abs(value), Math.abs(state.lower.data[i])));
    sum += ((value - higher.data[i]) / allowed) ** 2;
  }
  return Math.sqrt(sum / lower.data.length);
}

/** Longer after small errors; a step is not taken when it should have been much shorter. */
function lengthFactor(error: number, { eta, order }: { eta: number; order: number }): number {
  const wish = (1 / (error + 1e-8)) ** (1 / (eta > 0 ? 1.5 : order));
  return 1 + Math.atan(wish - 1);
}

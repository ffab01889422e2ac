import { AppError, combine, defineSampler, derivative, pairs, z, type Denoise, type Tensor } from '@atelier/sdk';
import { ramp } from '../schedulers/ramp.js';
import { ancestralOptions } from './ancestral-options.js';
import { firstOrder, levelAlong, looks, secondLook, secondOrder, thirdOrder } from './dpm-solver.js';
import { ancestralStep, backUp } from './split-step.js';

/** The first step's length in −log σ, and how much of a proposed change makes a step be taken. */
const [FIRST_LENGTH, LEAST_FACTOR] = [0.05, 0.81];

/** How near to the end, in −log σ, is there. */
const NEAR = 1e-5;

/** A step of that length in −log σ leads nowhere. */
const SHORTEST = 1e-9;

/** Steps have become so short that the run would not end. */
export class StepsVanish extends AppError {
  readonly code = 'steps-vanish';
  constructor(sigma: number) {
    super(
      `DPM adaptive finds no step that is short enough at noise level ${sigma.toPrecision(4)}.`,
      'Allow larger errors (rtol, atol), or leave pcoeff, icoeff and dcoeff at 0, 1 and 0.',
    );
  }
}

/** One of the three of a controller that sets the length of steps by their errors. */
function coefficient(part: 'proportional' | 'integral' | 'derivative', usual: number): z.ZodDefault<z.ZodNumber> {
  return z
    .number()
    .min(0)
    .max(2)
    .default(usual)
    .meta({ infotext: `DPM adaptive ${part[0]}coeff` })
    .describe(`Weight of the ${part} part of how a step's error sets the length of the next one.`);
}

const options = ancestralOptions.extend({
  order: z
    .int()
    .min(2)
    .max(3)
    .default(3)
    .meta({ infotext: 'DPM adaptive order' })
    .describe('Order of the better of the two solvers that are compared.'),
  rtol: z
    .number()
    .min(1e-4)
    .max(1)
    .default(0.05)
    .meta({ infotext: 'DPM adaptive rtol' })
    .describe('Allowed error of a step as a share of the latent; smaller takes more steps.'),
  atol: z
    .number()
    .min(1e-5)
    .max(1)
    .default(0.0078)
    .meta({ infotext: 'DPM adaptive atol' })
    .describe('Allowed error of a step in the units of the latent; the larger of both counts.'),
  pcoeff: coefficient('proportional', 0),
  icoeff: coefficient('integral', 1),
  dcoeff: coefficient('derivative', 0),
});

/**
 * DPM-Solver-12 and -23 of Lu et al. 2022, with steps as long as an error estimate allows. The number of steps has no
 * effect on the picture: it only says how often the run reports, evenly in log σ.
 */
export const dpmAdaptive = defineSampler({
  id: 'dpm-adaptive',
  label: 'DPM adaptive',
  aliases: ['k_dpm_ad', 'dpm_adaptive'],
  options,
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
        if (state.length < SHORTEST) throw new StepsVanish(state.sigma);
        const next = Math.max(end, state.sigma * Math.exp(-state.length));
        const down = Math.max(ancestralStep(model, state.sigma, next, options.eta).down, end);
        const start = { x: state.x, sigma: state.sigma, length: Math.log(state.sigma / down) };
        const { lower, higher, denoised } = await (options.order === 2 ? firstAndSecond : secondAndThird)(start, denoise);
        const precision = 1 / (errorOf(state, lower, higher, options) + 1e-8);
        const precisions = [precision, state.precision1 ?? precision, state.precision2 ?? precision];
        const factor = lengthFactor(precisions, options);
        const length = state.length * factor;
        if (factor >= LEAST_FACTOR) {
          const { kept, up } = backUp(model, down, next);
          const reached = options.eta > 0 ? combine([higher, noise(state.sigma, next)], [kept, options.s_noise * up]) : higher;
          state = { x: reached, sigma: next, lower, denoised, length, precision1: precision, precision2: precisions[1] };
        } else {
          state = { ...state, denoised, length, precision1: precisions[1], precision2: precisions[2] };
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
  /** How precise the last step that was taken was, and the one before. */
  precision1?: number;
  precision2?: number;
};

type Options = z.output<typeof options>;

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
function errorOf(state: State, lower: Tensor, higher: Tensor, { rtol, atol }: Options): number {
  let sum = 0;
  for (const [i, value] of lower.data.entries()) {
    const allowed = Math.max(atol, rtol * Math.max(Math.abs(value), Math.abs(state.lower.data[i])));
    sum += ((value - higher.data[i]) / allowed) ** 2;
  }
  return Math.sqrt(sum / lower.data.length);
}

/**
 * Longer after small errors; a step is not taken when it should have been much shorter. A controller with three parts weighs
 * how precise this step was and, of those taken, the last and the one before.
 */
function lengthFactor([now, last, earlier]: readonly number[], { eta, order, pcoeff, icoeff, dcoeff }: Options): number {
  const q = eta > 0 ? 1.5 : order;
  const wish = now ** ((pcoeff + icoeff + dcoeff) / q) * last ** (-(pcoeff + 2 * dcoeff) / q) * earlier ** (dcoeff / q);
  return 1 + Math.atan(wish - 1);
}

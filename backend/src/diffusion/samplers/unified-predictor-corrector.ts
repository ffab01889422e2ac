import { combine, pairs, scale, subtract, type SamplerInput, type SamplerStep, type Tensor } from '@atelier/sdk';
import { recall, remember, type Past } from './history.js';
import { solve } from './linear-system.js';

/**
 * How differences of guesses are weighted: `bh1` and `bh2` after B(h) = h and e^h − 1 of the paper, `vary_coeff` with
 * coefficients that depend on where the past levels lie.
 */
type Variant = 'bh1' | 'bh2' | 'vary_coeff';

/** What differs between the programs that use it. */
export interface UniRun {
  /** How many guesses a step is made of. */
  order: number;
  variant: Variant;
  /** Whether the last steps are made of fewer. */
  lowersOrder: boolean;
  /** The model's guess of the clean latent at a level, `done` steps after the start of the whole run. */
  guess(x: Tensor, sigma: number, done: number): Promise<{ denoised: Tensor; clean: Tensor }>;
}

/** The whole run with one model call a step: the guess at a predicted latent first corrects it, then predicts the next. */
export async function* uniSteps(
  { sigmas, memory, ...input }: Pick<SamplerInput<unknown>, 'sigmas' | 'memory' | 'x'>,
  { order, variant, lowersOrder, guess }: UniRun,
): AsyncGenerator<SamplerStep> {
  let x = input.x;
  let past = recall(memory);
  let { start, usedOrder, done } = (memory ?? { done: 0 }) as { start?: Tensor; usedOrder?: number; done: number };
  const stepCount = done + sigmas.length - 1;
  for (const [sigma, next] of pairs(sigmas)) {
    const { denoised, clean } = await guess(x, sigma, done);
    if (start && usedOrder) x = corrected({ x: start, past, next: sigma, order: usedOrder, variant }, clean);
    past = [{ sigma, value: clean }, ...past].slice(0, order);
    start = x;
    usedOrder = Math.min(order, done + 1);
    if (lowersOrder && done + 1 >= order) usedOrder = Math.min(order, stepCount - done);
    x = predicted({ x, past, next, order: usedOrder, variant });
    done += 1;
    yield { x, denoised, sigma, memory: { ...remember(past), start, usedOrder, done } };
  }
}

/** A step from the level of the first past guess to `next`. */
interface UniStep {
  /** The latent at the start of the step, variance exploding. */
  x: Tensor;
  /** Guesses of the clean latent at the start and before, the latest first; as many as the order are used. */
  past: readonly Past[];
  next: number;
  order: number;
  variant: Variant;
}

/** UniP of Zhao et al. 2023: the latent at the end of the step, out of what is known before it. */
function predicted(step: UniStep): Tensor {
  const { changes, ratios, length } = known(step);
  return moved(step, changes, predictorWeights(step.variant, ratios, length));
}

/** UniC of Zhao et al. 2023: the same latent, once the model's guess at the predicted one is there. */
function corrected(step: UniStep, guess: Tensor): Tensor {
  const { changes, ratios, length } = known(step);
  return moved(step, [...changes, subtract(guess, step.past[0].value)], correctorWeights(step.variant, [...ratios, 1], length));
}

/** How the guess has changed since each earlier level, by the distance to it in units of the step; and −h, the step in log σ. */
function known({ past: [latest, ...past], next, order }: UniStep): { changes: Tensor[]; ratios: number[]; length: number } {
  const length = Math.log(next / latest.sigma);
  const earlier = past.slice(0, order - 1);
  const ratios = earlier.map(({ sigma }) => Math.log(sigma / latest.sigma) / length);
  const changes = earlier.map(({ value }, index) => scale(subtract(value, latest.value), 1 / ratios[index]));
  return { changes, ratios, length };
}

/** A first-order step, less the changes by their weights. */
function moved({ x, past: [{ sigma, value }], next }: UniStep, changes: readonly Tensor[], weights: readonly number[]): Tensor {
  const kept = next / sigma;
  return combine([x, value, ...changes], [kept, 1 - kept, ...weights.map((weight) => -weight)]);
}

function predictorWeights(variant: Variant, ratios: readonly number[], length: number): number[] {
  if (ratios.length === 0) return [];
  if (variant === 'vary_coeff') return solve(powers(ratios, factorial), moments(length, ratios.length));
  if (ratios.length === 1) return [scaleOf(variant, length) / 2];
  return solve(powers(ratios), timesFactorials(moments(length, ratios.length)));
}

/** @param ratios of the past levels, then 1: the end of the step. */
function correctorWeights(variant: Variant, ratios: readonly number[], length: number): number[] {
  const count = ratios.length;
  if (variant !== 'vary_coeff') {
    return count === 1 ? [scaleOf(variant, length) / 2] : solve(powers(ratios), timesFactorials(moments(length, count)));
  }
  const all = moments(length, count);
  const matrix = powers(ratios, factorial);
  const weights = solve(matrix, [...all.slice(0, -1), 0]);
  // the original takes the last factor from the row before the last, where its loop has left off
  const unit = matrix.map((_, index) => (index === Math.max(count - 2, 0) ? 1 : 0));
  return [...weights.slice(0, -1), all[count - 1] * solve(matrix, unit)[count - 1]];
}

/** B(h) of the two variants that are named after it. */
function scaleOf(variant: 'bh1' | 'bh2', length: number): number {
  return variant === 'bh1' ? length : Math.expm1(length);
}

/** φ₂, φ₃, … of the paper at `length`: the integrals of e^x times powers over the step. */
function moments(length: number, count: number): number[] {
  const list: number[] = [];
  let moment = Math.expm1(length);
  for (let k = 1; k <= count; k++) {
    moment = moment / length - 1 / factorial(k);
    list.push(moment);
  }
  return list;
}

function timesFactorials(list: readonly number[]): number[] {
  return list.map((moment, index) => moment * factorial(index + 1));
}

/** Row k holds the k-th powers of the ratios, from k = 0; divided by something of k + 1 where that is given. */
function powers(ratios: readonly number[], divisor: (k: number) => number = () => 1): number[][] {
  return ratios.map((_, k) => ratios.map((ratio) => ratio ** k / divisor(k + 1)));
}

function factorial(k: number): number {
  return k <= 1 ? 1 : k * factorial(k - 1);
}

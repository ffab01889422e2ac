import { add, combine, defineSampler, noiseRatio, pairs, scale, z, type ModelSampling, type Sampler, type Tensor } from '@atelier/sdk';
import { levelAfter } from '../model-sampling.js';
import { exploding } from './exploding.js';
import { recall, remember, values, type Past } from './history.js';
import { solve } from './linear-system.js';

const options = z.object({
  eta: z
    .number()
    .min(0)
    .max(2)
    .default(1)
    .meta({ infotext: 'Eta' })
    .describe('How much noise each step swaps for fresh noise; at 0 none, and the run is deterministic.'),
  sa_solver_start: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .meta({ infotext: 'SA-Solver start' })
    .describe('Share of the training time, from pure noise on, after which fresh noise is added.'),
  sa_solver_end: z
    .number()
    .min(0)
    .max(1)
    .default(0.8)
    .meta({ infotext: 'SA-Solver end' })
    .describe('Share of the training time up to which fresh noise is added.'),
  s_noise: z.number().min(0).max(2).default(1).meta({ infotext: 'Sigma noise' }).describe('Strength of the fresh noise.'),
  predictor_order: z
    .int()
    .min(1)
    .max(6)
    .default(3)
    .meta({ infotext: 'SA-Solver predictor order' })
    .describe('How many guesses a step is first made of.'),
  corrector_order: z
    .int()
    .min(0)
    .max(6)
    .default(4)
    .meta({ infotext: 'SA-Solver corrector order' })
    .describe('How many guesses, that at its end among them, a step is then corrected by; 0 leaves it as it is.'),
  simple_order_2: z
    .boolean()
    .default(false)
    .meta({ infotext: 'SA-Solver simple order 2' })
    .describe('Whether two guesses are weighted by the simpler rule that the authors of the method use.'),
});

/** SA-Solver of Xue et al. 2023, as ComfyUI has it: a multistep predictor and corrector, with fresh noise in the middle of the run. */
export const saSolver = saSolverOf({ id: 'sa-solver', label: 'SA-Solver', aliases: ['sa_solver'], asksAgain: false });

/** The same, asking the model once more at each corrected latent. */
export const saSolverPece = saSolverOf({ id: 'sa-solver-pece', label: 'SA-Solver PECE', aliases: ['sa_solver_pece'], asksAgain: true });

function saSolverOf(given: { id: string; label: string; aliases: string[]; asksAgain: boolean }): Sampler {
  const { asksAgain, ...names } = given;
  return defineSampler({
    ...names,
    options,
    callsPerStep: asksAgain ? 2 : 1,
    order: 4,
    drawsNoise: true,
    steps: exploding(async function* ({ model, denoise, noise, sigmas, options, memory, ...input }) {
      const { s_noise, predictor_order, corrector_order, simple_order_2: isSimple } = options;
      const mostGuesses = Math.max(predictor_order, corrector_order);
      const lowersOrder = sigmas[sigmas.length - 1] === 0;
      let x = input.x;
      let past = recall(memory);
      let before = memory as Before | undefined;
      for (const [index, [sigma, next]] of [...pairs(sigmas)].entries()) {
        let { denoised } = await denoise(x, sigma);
        const stepsLeft = lowersOrder ? sigmas.length - 1 - index : Number.POSITIVE_INFINITY;
        const guesses = [{ sigma, value: denoised }, ...past].slice(0, mostGuesses);
        const correctedBy = guesses.slice(0, Math.min(corrector_order, stepsLeft));
        if (before && correctedBy.length > 0 && (next > 0 || asksAgain)) {
          x = moved(before, past[0].sigma, sigma, correctedBy, isSimple);
          if (asksAgain) denoised = (await denoise(x, sigma)).denoised;
        }
        past = [{ sigma, value: denoised }, ...guesses.slice(1)];
        if (next === 0) {
          x = denoised;
        } else {
          const tau = isWithin(model, next, options) ? options.eta : 0;
          const replaced = next * Math.sqrt(-Math.expm1(2 * tau ** 2 * Math.log(next / sigma)));
          const fresh = tau > 0 && s_noise > 0 ? scale(noise(sigma, next), s_noise * replaced) : undefined;
          before = { start: x, fresh, tau };
          x = moved(before, sigma, next, past.slice(0, Math.min(predictor_order, stepsLeft - 1)), isSimple);
        }
        yield { x, denoised, sigma, memory: { ...remember(past), ...before } };
      }
    }),
  });
}

/** What the step before was: where it started, the noise that it brought and the share of noise it swapped. */
type Before = { start: Tensor; fresh?: Tensor; tau: number };

/** Whether fresh noise is added where a step ends. `next` is noise over picture. */
function isWithin(model: ModelSampling, next: number, { sa_solver_start, sa_solver_end }: z.output<typeof options>): boolean {
  const ratioAfter = (share: number) => noiseRatio(model, levelAfter(model, share));
  return next <= ratioAfter(sa_solver_start) && next >= ratioAfter(sa_solver_end);
}

/** The latent at `next`, from where the step started, by guesses at several levels; `tau` as in the paper. */
function moved({ start, fresh, tau }: Before, sigma: number, next: number, guesses: readonly Past[], isSimple: boolean): Tensor {
  const length = Math.log(sigma / next);
  const speed = 1 + tau ** 2; // how fast the start is forgotten, per unit of log σ
  const weigh = isSimple && guesses.length === 2 ? simpleWeights : adamsWeights;
  const weights = weigh(
    guesses.map((guess) => Math.log(next / guess.sigma)),
    length,
    speed,
  );
  const reached = combine([start, ...values(guesses)], [Math.exp(-speed * length), ...weights]);
  return fresh ? add(reached, fresh) : reached;
}

/**
 * Stochastic Adams: for each guess the integral, over the step, of the polynomial that is 1 at it and 0 at the others, times
 * how much of it is left at the end of the step.
 *
 * @param places of the guesses in −log σ, seen from the end of the step.
 */
function adamsWeights(places: readonly number[], length: number, speed: number): number[] {
  const left = Math.exp(-speed * length);
  const integrals: number[] = [];
  for (const power of places.keys()) {
    const integral = power === 0 ? 1 - left : -(left * (-length) ** power) - (power / speed) * integrals[power - 1];
    integrals.push(integral);
  }
  return solve(
    places.map((_, power) => places.map((place) => place ** power)),
    integrals,
  );
}

/** The authors' simpler weights of two guesses, the later at the end of the step (corrector) or at its start (predictor). */
function simpleWeights([latest, older]: readonly number[], length: number, speed: number): number[] {
  const all = -Math.expm1(-speed * length);
  if (latest === 0) return [(speed * length) / 2, all - (speed * length) / 2];
  const ofOlder = (speed * length ** 2) / 2 / (older - latest);
  return [all - ofOlder, ofOlder];
}

import { z } from 'zod';
import { scale, subtract, type Tensor } from './tensor/index.js';

/** What a model says about a noisy latent: its guess of the clean one, with guidance, and without the prompt. */
export interface Denoised {
  /** The guided answer, in the shape of `x`. */
  denoised: Tensor;
  /** The unconditional answer. CFG++ samplers need it; at guidance 1 it is `denoised` itself. */
  uncond: Tensor;
}

/**
 * A model as samplers see it. `x` is [batch, channels, height / 8, width / 8] with noise of standard deviation `sigma`:
 * the clean latent plus `sigma` times unit noise (variance exploding); of a flow model, `1 − sigma` times the clean latent
 * plus `sigma` times unit noise.
 */
export type Denoise = (x: Tensor, sigma: number) => Promise<Denoised>;

/** Fresh unit noise for the step between two levels, in the shape of the latent. */
export type Noise = (from: number, to: number) => Tensor;

/** What a model was trained to answer. */
export type Prediction = 'eps' | 'v' | 'edm' | 'flow';

/** How a model was trained on noise: what it answers, at which levels, and what it is told of the level. */
export type NoiseModel =
  /**
   * 1000 timesteps with betas linear in their square root (SD1, SD2, SDXL); the last level is all noise where the signal ends
   * at zero. `anchors` says whose published levels suit it (Align Your Steps), where they are not those of SD1.
   */
  | { kind: 'discrete'; prediction: 'eps' | 'v'; zeroTerminalSnr?: boolean; anchors?: 'sdxl' }
  /** v over levels without a table. */
  | { kind: 'continuous-v'; sigmaMin: number; sigmaMax: number }
  /** Karras et al. 2022. */
  | { kind: 'edm'; sigmaData: number; sigmaMin: number; sigmaMax: number }
  /**
   * Rectified flow over levels 0 … 1; `shift` moves them towards noise (1 leaves them even; Flux names its logarithm µ), the
   * network is told `multiplier · sigma`. Schedules choose among `levelCount` levels, 1000 unless it says otherwise.
   */
  | { kind: 'flow'; shift: number; multiplier: number; levelCount?: number };

/**
 * A model's own noise levels. A timestep is how the network is told of a level: a place in the table, fractional in
 * between, where it was trained at whole ones; a number that follows from the level by a formula elsewhere (EDM, flow).
 */
export interface ModelSampling {
  prediction: Prediction;
  /** The standard deviation that clean latents are taken to have. */
  sigmaData: number;
  /** Levels of all training timesteps, rising; of a model without whole ones, levels that are spread as in its training. */
  sigmas: Float64Array;
  sigmaMin: number;
  sigmaMax: number;
  /** Whose published levels suit it (Align Your Steps), where they are not those of SD1. */
  anchors?: 'sdxl';
  /** What the network is told of a level. Places in the table are interpolated in log σ and clamped, as A1111 does. */
  timestepOf(sigma: number): number;
  /** The same as Forge and ComfyUI have it: the whole timestep whose level is nearest in log σ, ties go to the lower one. */
  nearestTimestepOf(sigma: number): number;
  /** The level of a timestep, on the way of the training: of places in a table interpolated in log σ and clamped, of flow shifted. */
  sigmaOf(timestep: number): number;
}

/**
 * How much of the picture is in a latent at a level: all of it where noise is added to it; where the two are mixed (flow),
 * what the noise leaves.
 */
export function pictureShare({ prediction }: ModelSampling, sigma: number): number {
  return prediction === 'flow' ? 1 - sigma : 1;
}

/** Noise over picture at a level, the inverse root of the signal-to-noise ratio: sigma itself where noise is added, ∞ at flow's highest. */
export function noiseRatio(model: ModelSampling, sigma: number): number {
  return sigma / pictureShare(model, sigma);
}

/** The level with that much noise over picture. */
export function levelOfRatio({ prediction }: ModelSampling, ratio: number): number {
  return prediction === 'flow' ? ratio / (1 + ratio) : ratio;
}

/** Named numbers and tensors a multistep sampler remembers between steps. */
export type SamplerMemory = Readonly<Record<string, Tensor | number | undefined>>;

export interface SamplerInput<Options> {
  model: ModelSampling;
  denoise: Denoise;
  noise: Noise;
  /** The start: [batch, channels, height / 8, width / 8] at level `sigmas[0]`. */
  x: Tensor;
  /** Falling levels, step count + 1 of them; the last is usually 0. */
  sigmas: readonly number[];
  options: Options;
  /** What the step before the first of `sigmas` yielded, when a job goes on after a stop. */
  memory?: SamplerMemory;
}

export interface SamplerStep {
  /** The latent after the step. */
  x: Tensor;
  /** The model's guess in this step: what previews show. */
  denoised: Tensor;
  /** The level the step started from. */
  sigma: number;
  memory?: SamplerMemory;
}

type Shape = z.ZodObject;

/** A way from noise to picture, as a generator of steps over `denoise`. The caller owns the loop. */
export interface Sampler<Options extends Shape = Shape> {
  /** kebab-case, what the API takes. */
  id: string;
  /** What people read: A1111's name where it has one. */
  label: string;
  /** Other names that it answers to, exactly. */
  aliases: readonly string[];
  /** Options with range, default and help; they become controls and API fields. */
  options: Options;
  /** Model calls in an ordinary step. */
  callsPerStep: number;
  /** Order of convergence on smooth problems, without the noise that may be added; 0 where there is none. */
  order: number;
  /** Whether `noise` is called, with some of its options at least. */
  drawsNoise: boolean;
  /**
   * Whether its noise is one Brownian path a picture, of which each step gets the increment between its levels: the
   * picture then changes little with the number of steps. Else each draw is new.
   */
  usesBrownianNoise: boolean;
  /** Where the schedule must end: at 0, or at the model's lowest level. */
  lastLevel: 'zero' | 'sigma-min';
  /** Whether it takes a schedule of one step more and leaves out the level before the last (A1111's rule for some samplers). */
  discardsNextToLast: boolean;
  minSteps: number;
  /** The schedule that "Automatic" stands for; without one it is the model's own (Normal). */
  defaultScheduler?: string;
  /** Whether it can be used with such a model; without it, it can with any. */
  suits?(model: ModelSampling): boolean;
  /** The model as the sampler was made for it, e.g. with fewer timesteps; without it, the model as it is. */
  sampling?(model: ModelSampling): ModelSampling;
  /** Samplers that think in timesteps choose their own levels; the chosen schedule is then not used. */
  levels?(model: ModelSampling, stepCount: number, options?: GivenOptions): number[];
  /** How strong the start noise is at the first level, as a standard deviation; without it, `sigma` itself. */
  startScale?(sigma: number): number;
  steps(input: SamplerInput<z.output<Options>>): AsyncGenerator<SamplerStep>;
}

/** Options by name, as somebody asks for them; what is left out has its default. */
type GivenOptions = Readonly<Record<string, unknown>>;

/** How levels are declared: over all options. */
interface DeclaredLevels<Options extends Shape> {
  levels(model: ModelSampling, stepCount: number, options: z.output<Options>): number[];
}

type Declared<Options extends Shape> = Pick<Sampler<Options>, 'id' | 'label' | 'steps'> &
  Partial<Omit<Sampler<Options>, 'levels'>> &
  Partial<DeclaredLevels<Options>>;

const noOptions = z.object({});

/** Declares a sampler; what is left out has the plainest value (one call a step, first order, no noise, no options). */
export function defineSampler<Options extends Shape = typeof noOptions>({ levels, ...sampler }: Declared<Options>): Sampler<Options> {
  const options = sampler.options ?? (noOptions as unknown as Options);
  return {
    aliases: [],
    callsPerStep: 1,
    order: 1,
    drawsNoise: false,
    usesBrownianNoise: false,
    lastLevel: 'zero',
    discardsNextToLast: false,
    minSteps: 1,
    ...sampler,
    options,
    ...(levels && { levels: withDefaults(options, levels) }),
  };
}

/** A rule for the noise levels of a run. */
export interface Scheduler<Options extends Shape = Shape> {
  id: string;
  label: string;
  aliases: readonly string[];
  /** Options with range, default and help; they become controls and API fields. */
  options: Options;
  /** Where its levels end: at 0, or at the model's lowest level. */
  lastLevel: 'zero' | 'sigma-min';
  minSteps: number;
  /** Whether it has levels for such a model; without it, it has for any. */
  suits?(model: ModelSampling): boolean;
  /** Falling levels, usually `stepCount` + 1 of them; a schedule that takes every so-many-th timestep may give a few more. */
  levels(model: ModelSampling, stepCount: number, options?: GivenOptions): number[];
}

type DeclaredScheduler<Options extends Shape> = Pick<Scheduler<Options>, 'id' | 'label'> &
  Partial<Omit<Scheduler<Options>, 'levels'>> &
  DeclaredLevels<Options>;

/** Declares a scheduler; what is left out has the plainest value (ends at 0, gives one step and more, no options). */
export function defineScheduler<Options extends Shape = typeof noOptions>({
  levels,
  ...scheduler
}: DeclaredScheduler<Options>): Scheduler<Options> {
  const options = scheduler.options ?? (noOptions as unknown as Options);
  return { aliases: [], lastLevel: 'zero', minSteps: 1, ...scheduler, options, levels: withDefaults(options, levels) };
}

/** Levels that take options as they are asked for: checked, with defaults in place of those that are left out. */
function withDefaults<Options extends Shape>(
  options: Options,
  levels: DeclaredLevels<Options>['levels'],
): (model: ModelSampling, stepCount: number, options?: GivenOptions) => number[] {
  return (model, stepCount, given = {}) => levels(model, stepCount, options.parse(given));
}

/** Neighbours: `[a, b, c]` gives `[a, b]`, `[b, c]`. */
export function* pairs<T>(list: readonly T[]): Generator<readonly [T, T]> {
  for (let i = 0; i + 1 < list.length; i++) yield [list[i], list[i + 1]];
}

/** The slope dx/dσ of the probability flow (Karras et al. 2022, equation 3): `(x − denoised) / sigma`. */
export function derivative(x: Tensor, denoised: Tensor, sigma: number): Tensor {
  return scale(subtract(x, denoised), 1 / sigma);
}

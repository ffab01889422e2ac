import type { z } from 'zod';
import type { Denoise, ModelSampling, Sampler } from '../sampling.js';
import { subtract, tensor, type Tensor } from '../tensor/index.js';

/** A world in which clean latents are normal numbers. Its best denoiser, and where each start ends, are known exactly. */
export interface GaussianWorld {
  /** The best guess of the clean latent. */
  denoise: Denoise;
  /** Its levels, for samplers that want a model. */
  model: ModelSampling;
  /** Where the probability flow brings a latent from one level to another, exactly. */
  exact(x: Tensor, from: number, to: number): Tensor;
  /** `steps` + 1 levels that fall to 0, refined everywhere as steps grow: what orders of convergence are measured on. */
  levels(steps: number): number[];
  /**
   * How far a sampler ends from the exact end, in float64: the largest distance over a few starts. With p times the
   * steps, a method of order k comes p^k times closer. The sampler must not draw noise; set its options so.
   */
  error<Options extends z.ZodObject>(sampler: Sampler<Options>, run: { steps: number; options?: z.input<Options> }): Promise<number>;
}

const LOWEST = 0.03;
const HIGHEST = 10;
const TIMESTEPS = 1000;

/** A world whose clean latents have this mean and this standard deviation. */
export function gaussianWorld({ mean, spread }: { mean: number; spread: number }): GaussianWorld {
  const map = (x: Tensor, change: (value: number) => number): Tensor => tensor(x.shape, x.data.map(change));
  const variance = (sigma: number) => spread ** 2 + sigma ** 2;

  const denoise: Denoise = async (x, sigma) => {
    const denoised = map(x, (value) => (spread ** 2 * value + sigma ** 2 * mean) / variance(sigma));
    return { denoised, uncond: denoised };
  };
  const exact = (x: Tensor, from: number, to: number) =>
    map(x, (value) => mean + (value - mean) * Math.sqrt(variance(to) / variance(from)));

  /** Evenly spaced in σ^(1/7), as Karras levels are, but all the way to 0. */
  const levels = (steps: number) => Array.from({ length: steps + 1 }, (_, index) => HIGHEST * (1 - index / steps) ** 7);

  return {
    denoise,
    model: logarithmicSampling,
    exact,
    levels,
    async error(sampler, { steps, options }) {
      const sigmas = levels(steps);
      const start = tensor([1, 1, 1, 5], Float64Array.of(-18, -6, 0.5, 4, 15)); // what noise of strength HIGHEST looks like
      let end = start;
      const run = {
        model: logarithmicSampling,
        denoise,
        noise: refuseNoise,
        x: start,
        sigmas,
        options: sampler.options.parse(options ?? {}),
      };
      for await (const step of sampler.steps(run)) end = step.x;
      const truth = exact(start, HIGHEST, 0);
      return Math.max(...subtract(end, truth).data.map(Math.abs));
    },
  };
}

/** Levels with one factor between all neighbours. */
const logarithmicSampling: ModelSampling = {
  prediction: 'eps',
  sigmaData: 1,
  sigmas: Float64Array.from({ length: TIMESTEPS }, (_, timestep) => levelOf(timestep)),
  sigmaMin: LOWEST,
  sigmaMax: HIGHEST,
  timestepOf,
  nearestTimestepOf: (sigma) => Math.round(timestepOf(sigma)),
  sigmaOf: (timestep) => levelOf(clampTimestep(timestep)),
};

function timestepOf(sigma: number): number {
  return clampTimestep(((TIMESTEPS - 1) * Math.log(sigma / LOWEST)) / Math.log(HIGHEST / LOWEST));
}

function levelOf(timestep: number): number {
  return LOWEST * (HIGHEST / LOWEST) ** (timestep / (TIMESTEPS - 1));
}

function clampTimestep(timestep: number): number {
  return Math.min(Math.max(timestep, 0), TIMESTEPS - 1);
}

function refuseNoise(): never {
  throw new RangeError('An order of convergence is measured without noise: set the options so that the sampler draws none.');
}

import { isInterruption, type Denoise, type ModelSampling, type Noise, type Sampler, type SamplerMemory, type Tensor } from '@atelier/sdk';
import { checkFinite } from './non-finite-tensor.js';

/** All that a run of a sampler needs. */
export interface SampleRun {
  sampler: Sampler;
  /** Options of the sampler as asked for; what is left out has its default. */
  options?: Readonly<Record<string, unknown>>;
  model: ModelSampling;
  denoise: Denoise;
  noise: Noise;
  /** The start, at the level `sigmas[0]`. */
  x: Tensor;
  /** Falling levels, one more than steps. When a run goes on after a stop, the levels that are left. */
  sigmas: readonly number[];
  /** What the last step before a stop remembered. */
  memory?: SamplerMemory;
  /** How many steps were done before a stop. */
  stepsBefore?: number;
  /** Told after every step. */
  onStep?(step: SampleStep): void | Promise<void>;
  /** Asked before every model call, after every step, and when a model call was interrupted; `true` ends the run with what is there. */
  shouldStop?(): boolean;
}

/** One step that was done. */
export interface SampleStep {
  /** Steps done, from 1. */
  step: number;
  /** Of so many. */
  steps: number;
  /** The level that the step started from. */
  sigma: number;
  x: Tensor;
  denoised: Tensor;
  /** Enough to go on from here, with the position of the noise. */
  memory?: SamplerMemory;
}

/** How a run ended. */
export interface Sampled {
  /** The latent after the last step that was done. */
  x: Tensor;
  /** The model's last guess of the clean latent: of a stopped run, what one keeps. */
  denoised: Tensor;
  stepsDone: number;
  modelCalls: number;
  /** Whether it ended before its last step. */
  wasStopped: boolean;
}

/** Unwinds a sampler out of the middle of a step. Never leaves this file. */
class Stop extends Error {}

/**
 * Lets a sampler run over its levels.
 *
 * @throws NonFiniteTensor when the model's answer is not a number.
 */
export async function sample(run: SampleRun): Promise<Sampled> {
  const { sampler, model, noise, sigmas, memory, stepsBefore = 0, shouldStop = () => false } = run;
  const steps = stepsBefore + sigmas.length - 1;
  const state: Sampled = { x: run.x, denoised: run.x, stepsDone: stepsBefore, modelCalls: 0, wasStopped: false };

  const denoise: Denoise = async (x, sigma) => {
    if (shouldStop()) throw new Stop();
    const answer = await run.denoise(x, sigma);
    state.modelCalls += 1;
    checkFinite(
      answer.denoised,
      () => `The model's answer in step ${state.stepsDone + 1} of ${steps} (noise level ${sigma.toPrecision(4)})`,
    );
    return answer;
  };

  const options = sampler.options.parse(run.options ?? {});
  try {
    for await (const step of sampler.steps({ model, denoise, noise, x: run.x, sigmas, options, memory })) {
      state.x = step.x;
      state.denoised = step.denoised;
      state.stepsDone += 1;
      await run.onStep?.({ ...step, step: state.stepsDone, steps });
      if (shouldStop() && state.stepsDone < steps) throw new Stop();
    }
  } catch (error) {
    const wasAskedFor = error instanceof Stop || (isInterruption(error) && shouldStop());
    if (!wasAskedFor) throw error;
    state.wasStopped = true;
  }
  return state;
}

import {
  addScaled,
  concat,
  rows,
  scale,
  type Conditioning,
  type Denoise,
  type Guidance,
  type ModelCall,
  type ModelSampling,
  type Prediction,
  type Tensor,
} from '@atelier/sdk';

/** A model and what it is guided by. */
export interface GuidedRun {
  model: ModelSampling;
  call: ModelCall;
  conditioning: Conditioning;
  /** How strongly the prompt is followed. At 1 the unconditional branch is not asked. */
  scale: number;
  /** How both branches become one answer. */
  combine?: Guidance;
  /** Further inputs of the graph, by name. */
  inputs?: Readonly<Record<string, Tensor>>;
}

/** Classifier-free guidance (Ho and Salimans 2022): from the unconditional answer towards and past the conditional one. */
export const classifierFree: Guidance = (cond, uncond, guidanceScale) =>
  // uncond + scale · (cond − uncond)
  addScaled(scale(uncond, 1 - guidanceScale), cond, guidanceScale);

/** Makes a denoiser for samplers out of a model: scales its input, asks both branches, turns predictions into clean latents. */
export function guided({ model, call, conditioning, scale: guidanceScale, combine = classifierFree, inputs = {} }: GuidedRun): Denoise {
  const { cond, uncond } = conditioning;
  const form = forms[model.prediction];
  // one call for both branches where their conditionings have one length; they stay the same in every step
  const both = uncond && cond.shape[1] === uncond.shape[1] ? concat([cond, uncond]) : undefined;

  return async (x, sigma) => {
    const input = form.input(x, sigma);
    const timestep = model.timestepOf(sigma);
    const ask = (input: Tensor, conditioning: Tensor) => call(input, timestep, conditioning, inputs);
    const clean = (prediction: Tensor) => form.denoised(x, prediction, sigma);

    if (uncond === undefined || guidanceScale === 1) {
      const denoised = clean(await ask(input, cond));
      return { denoised, uncond: denoised };
    }
    const [condAnswer, uncondAnswer] = both ? await askAtOnce(ask, input, both) : [await ask(input, cond), await ask(input, uncond)];
    const unconditional = clean(uncondAnswer);
    return { denoised: combine(clean(condAnswer), unconditional, guidanceScale, sigma), uncond: unconditional };
  };
}

/** Both branches in one call: the conditional rows first. */
async function askAtOnce(
  ask: (input: Tensor, conditioning: Tensor) => Promise<Tensor>,
  input: Tensor,
  both: Tensor,
): Promise<[Tensor, Tensor]> {
  const batch = input.shape[0];
  const answers = await ask(concat([input, input]), both);
  return [rows(answers, 0, batch), rows(answers, batch, 2 * batch)];
}

/** What a model of one kind wants to see, and what its answer means. */
interface PredictionForm {
  /** Scales a latent at level `sigma` as the network wants it. */
  input(x: Tensor, sigma: number): Tensor;
  /** The clean latent that a prediction stands for. */
  denoised(x: Tensor, prediction: Tensor, sigma: number): Tensor;
}

/** The variance-preserving form of a latent: unit variance at every level. */
const variancePreserving = (x: Tensor, sigma: number) => scale(x, 1 / Math.sqrt(sigma ** 2 + 1));

const forms: Record<Prediction, PredictionForm> = {
  /** The network names the noise. */
  eps: { input: variancePreserving, denoised: (x, prediction, sigma) => addScaled(x, prediction, -sigma) },
  /** The network names noise and picture mixed, √ᾱ · noise − √(1 − ᾱ) · picture (Salimans and Ho 2022). */
  v: {
    input: variancePreserving,
    denoised: (x, prediction, sigma) => addScaled(scale(x, 1 / (sigma ** 2 + 1)), prediction, -sigma / Math.sqrt(sigma ** 2 + 1)),
  },
  /** The network names the way from picture to noise; `x` is (1 − sigma) · picture + sigma · noise. */
  flow: { input: (x) => x, denoised: (x, prediction, sigma) => addScaled(x, prediction, -sigma) },
};

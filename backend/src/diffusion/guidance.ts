import {
  addScaled,
  combine,
  concat,
  rows,
  scale,
  type Condition,
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
  /** Further inputs of the graph, by name, for one branch. */
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
  const { sigmaData } = model;
  // one call for both branches where their contexts have one length; made once, so that they stay the same in every step
  const both = uncond && cond.context.shape[1] === uncond.context.shape[1] ? joined(cond, uncond) : undefined;
  const inputsOfBoth = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, concat([input, input])]));

  return async (x, sigma) => {
    const input = form.input(x, sigma, sigmaData);
    const timestep = model.timestepOf(sigma);
    const ask = (condition: Condition) => call(input, timestep, condition, inputs);
    const clean = (prediction: Tensor) => form.denoised(x, prediction, sigma, sigmaData);

    if (uncond === undefined || guidanceScale === 1) {
      const denoised = clean(await ask(cond));
      return { denoised, uncond: denoised };
    }
    const [condAnswer, uncondAnswer] = both
      ? halves(await call(concat([input, input]), timestep, both, inputsOfBoth))
      : [await ask(cond), await ask(uncond)];
    const unconditional = clean(uncondAnswer);
    return { denoised: combine(clean(condAnswer), unconditional, guidanceScale, sigma), uncond: unconditional };
  };
}

/** Both branches as rows of one condition, the conditional ones first. */
function joined(cond: Condition, uncond: Condition): Condition {
  const context = concat([cond.context, uncond.context]);
  return cond.vector && uncond.vector ? { context, vector: concat([cond.vector, uncond.vector]) } : { context };
}

function halves(answers: Tensor): [Tensor, Tensor] {
  const batch = answers.shape[0] / 2;
  return [rows(answers, 0, batch), rows(answers, batch, 2 * batch)];
}

/** What a model of one kind wants to see, and what its answer means. */
interface PredictionForm {
  /** Scales a latent at level `sigma` as the network wants it. */
  input(x: Tensor, sigma: number, sigmaData: number): Tensor;
  /** The clean latent that a prediction stands for. */
  denoised(x: Tensor, prediction: Tensor, sigma: number, sigmaData: number): Tensor;
}

/** The latent with unit variance at every level. */
const unitVariance = (x: Tensor, sigma: number, sigmaData: number) => scale(x, 1 / Math.sqrt(sigma ** 2 + sigmaData ** 2));

/** What of the noisy latent is kept where an answer mixes noise and picture, and how strongly the answer counts. */
const mixed = (x: Tensor, prediction: Tensor, sigma: number, sigmaData: number, sign: 1 | -1) => {
  const variance = sigma ** 2 + sigmaData ** 2;
  return combine([x, prediction], [sigmaData ** 2 / variance, (sign * sigma * sigmaData) / Math.sqrt(variance)]);
};

const forms: Record<Prediction, PredictionForm> = {
  /** The network names the noise. */
  eps: { input: unitVariance, denoised: (x, prediction, sigma) => addScaled(x, prediction, -sigma) },
  /** The network names noise and picture mixed, √ᾱ · noise − √(1 − ᾱ) · picture (Salimans and Ho 2022). */
  v: { input: unitVariance, denoised: (x, prediction, sigma, sigmaData) => mixed(x, prediction, sigma, sigmaData, -1) },
  /** The same with the other sign (Karras et al. 2022, table 1). */
  edm: { input: unitVariance, denoised: (x, prediction, sigma, sigmaData) => mixed(x, prediction, sigma, sigmaData, 1) },
  /** The network names the way from picture to noise; `x` is (1 − sigma) · picture + sigma · noise. */
  flow: { input: (x) => x, denoised: (x, prediction, sigma) => addScaled(x, prediction, -sigma) },
};

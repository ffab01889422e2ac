import {
  addScaled,
  combine,
  concat,
  rows,
  scale,
  subtract,
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
  /** Always or by call, counted from 0. */
  conditioning: Conditioning | ((call: number) => Conditioning);
  /** How strongly the prompt is followed, always or by call (counted from 0) and level. At 1 the unconditional branch is not asked. */
  scale: number | ((call: number, sigma: number) => number);
  /** Whether both branches go into one call where their texts have one length; on their own they take less memory. */
  together?: boolean;
  /** How both branches become one answer. */
  combine?: Guidance;
  /** Further inputs of the graph, by name, for one branch: a row for each picture. */
  inputs?: Readonly<Record<string, Tensor>>;
}

/** Classifier-free guidance (Ho and Salimans 2022): from the unconditional answer towards and past the conditional one. */
export const classifierFree: Guidance = (cond, uncond, guidanceScale) => addScaled(uncond, subtract(cond, uncond), guidanceScale);

/** Makes a denoiser for samplers out of a model: scales its input, asks both branches, turns predictions into clean latents. */
export function guided(run: GuidedRun): Denoise {
  const { model, call, conditioning, scale: asked, together = true, combine = classifierFree, inputs = {} } = run;
  const form = forms[model.prediction];
  const { sigmaData } = model;
  const prepared = new Map<Conditioning, Prepared>();
  let calls = 0;

  return async (x, sigma) => {
    const told = typeof conditioning === 'function' ? conditioning(calls) : conditioning;
    const guidanceScale = typeof asked === 'number' ? asked : asked(calls, sigma);
    calls++;
    const { cond, uncond } = told;
    const arranged = prepared.get(told) ?? prepare(told, inputs, together);
    prepared.set(told, arranged);
    const { parts, perPart, both, inputsOfCond, inputsOfBoth } = arranged;
    const input = form.input(x, sigma, sigmaData);
    const [xOfCond, inputOfCond] = [perPart(x), perPart(input)];
    const timestep = model.timestepOf(sigma);
    const clean = (prediction: Tensor, of: Tensor) => form.denoised(of, prediction, sigma, sigmaData);

    if (uncond === undefined || guidanceScale === 1) {
      const answer = clean(await call(inputOfCond, timestep, cond, inputsOfCond), xOfCond);
      const denoised = parts ? composed(answer, parts) : answer;
      return { denoised, uncond: denoised };
    }
    const [condAnswer, uncondAnswer] = both
      ? split(await call(concat([inputOfCond, input]), timestep, both, inputsOfBoth), inputOfCond.shape[0])
      : [await call(inputOfCond, timestep, cond, inputsOfCond), await call(input, timestep, uncond, inputs)];
    const unconditional = clean(uncondAnswer, x);
    const answer = clean(condAnswer, xOfCond);
    const conditional = parts ? composed(answer, parts, unconditional) : answer;
    return { denoised: combine(conditional, unconditional, guidanceScale, sigma, x), uncond: unconditional };
  };
}

/** What is made of a conditioning once, so that it stays the same in every step. */
interface Prepared {
  parts?: readonly Part[];
  /** The rows of a tensor of pictures, one for each part. */
  perPart(x: Tensor): Tensor;
  /** Both branches in one call, where that is wanted and their contexts have one length. */
  both?: Condition;
  inputsOfCond: Readonly<Record<string, Tensor>>;
  inputsOfBoth: Readonly<Record<string, Tensor>>;
}

function prepare({ cond, uncond, composition }: Conditioning, inputs: Readonly<Record<string, Tensor>>, together: boolean): Prepared {
  const parts = composition && partsOf(composition);
  const perPart = (x: Tensor) => (parts ? concat(parts.map(({ picture }) => rows(x, picture, picture + 1))) : x);
  const both = together && uncond && cond.context.shape[1] === uncond.context.shape[1] ? joined(cond, uncond) : undefined;
  const inputsOf = (arrange: (input: Tensor) => Tensor) =>
    Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, arrange(input)]));
  return { parts, perPart, both, inputsOfCond: inputsOf(perPart), inputsOfBoth: inputsOf((input) => concat([perPart(input), input])) };
}

/** One prompt of those that a picture's prompts are joined of by AND. */
interface Part {
  picture: number;
  weight: number;
}

function partsOf(composition: readonly (readonly number[])[]): Part[] {
  return composition.flatMap((weights, picture) => weights.map((weight) => ({ picture, weight })));
}

/** What the parts say together (Liu et al. 2022): the sum of where each leads, seen from the unconditional answer or, without one, from zero. */
function composed(answers: Tensor, parts: readonly Part[], from?: Tensor): Tensor {
  const pictures = parts.at(-1)!.picture + 1;
  const sums = Array.from({ length: pictures }, (_, picture) => {
    const own = parts.flatMap((part, row) =>
      part.picture === picture ? [{ weight: part.weight, answer: rows(answers, row, row + 1) }] : [],
    );
    const terms = own.map(({ answer }) => answer);
    const weights = own.map(({ weight }) => weight);
    if (!from) return combine(terms, weights);
    const rest = 1 - weights.reduce((sum, weight) => sum + weight, 0);
    return combine([rows(from, picture, picture + 1), ...terms], [rest, ...weights]);
  });
  return concat(sums);
}

/** Both branches as rows of one condition, the conditional ones first. */
function joined(cond: Condition, uncond: Condition): Condition {
  const context = concat([cond.context, uncond.context]);
  return cond.vector && uncond.vector ? { context, vector: concat([cond.vector, uncond.vector]) } : { context };
}

function split(answers: Tensor, first: number): [Tensor, Tensor] {
  return [rows(answers, 0, first), rows(answers, first, answers.shape[0])];
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

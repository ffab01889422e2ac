import type { z } from 'zod';
import type { Picture, Precision, Txt2ImgRequest } from './contracts/generation.js';
import type { Job } from './contracts/job.js';
import type { TabDeclaration } from './manifest.js';
import type { ModelFamily } from './models.js';
import type { Denoise, ModelSampling, Sampler, Scheduler } from './sampling.js';
import type { Tensor } from './tensor/index.js';

export type Awaitable<T> = T | Promise<T>;

/** Where `collect…` taps put what they bring. Two things with one id are refused. */
export interface Registry<T> {
  add(item: T): void;
}

/** Both prompts of one picture. */
export interface Prompt {
  positive: string;
  negative: string;
}

/** The job a hook runs in. */
export interface JobInfo {
  id: string;
  request: Txt2ImgRequest;
}

export interface PromptContext {
  job: JobInfo;
  /** Position of the picture within its job. */
  index: number;
  seed: number;
  /** Chance in [0, 1), drawn from the picture's seed: the same seed draws the same. */
  random: () => number;
}

/** Which model makes a picture, and how. */
export interface ModelPlan {
  /** Name of a checkpoint. */
  checkpoint: string;
  /** `auto` takes the one that is preferred or lies beside the checkpoint, else its own; `own` takes its own; or the name of a VAE file. */
  vae: string;
  /** Names of text encoder files, for what the checkpoint lacks or instead of its own. */
  textEncoders: readonly string[];
  /** Which of CLIP's layers is read, counted from the last, where the family leaves a choice. */
  clipSkip: number;
  precision: Precision;
}

/** Facts of a model that has just been opened. */
export interface ModelFacts {
  checkpoint: string;
  family: string;
  latentChannels: number;
  sampling: ModelSampling;
}

/** What the network is told beside the latent, one row for each picture. */
export interface Condition {
  /** Encoded text, [rows, tokens, width]. */
  context: Tensor;
  /** What some families tell beside the text, [rows, width]: the pooled text, sizes (SDXL), and so on. */
  vector?: Tensor;
}

/** Encoded prompts of one batch. `uncond` is absent at guidance 1. */
export interface Conditioning {
  /** A row for each picture; with a `composition`, for each part of each picture. */
  cond: Condition;
  uncond?: Condition;
  /** Prompts that are joined by AND: for each picture, how much each of its parts counts. */
  composition?: readonly (readonly number[])[];
}

export interface BatchContext {
  job: JobInfo;
  /** Index in the job of the batch's first picture. */
  firstIndex: number;
  /** One seed a picture. */
  seeds: readonly number[];
}

/** Combines both branches of guidance into one answer, in the shape of each. They were asked about `x` at level `sigma`. */
export type Guidance = (cond: Tensor, uncond: Tensor, scale: number, sigma: number, x: Tensor) => Tensor;

/**
 * One call of the diffusion model. Rows of `condition` and of `inputs` go with rows of `x`; both branches of guidance may
 * travel in one call. `x` is scaled as the network wants it. `inputs` are further inputs of the graph, by name.
 */
export type ModelCall = (x: Tensor, timestep: number, condition: Condition, inputs: Readonly<Record<string, Tensor>>) => Promise<Tensor>;

export interface StepReport extends BatchContext {
  /** Steps done, from 1. */
  step: number;
  steps: number;
  sigma: number;
  /** The latent after the step, [batch, channels, height / 8, width / 8]. */
  x: Tensor;
  /** The model's guess of the end. */
  denoised: Tensor;
}

/** 8-bit RGB pixels, row by row. */
export interface RgbImage {
  width: number;
  height: number;
  data: Uint8Array;
}

/** What is written into the picture's file: both prompts and named values in order. */
export interface GenerationParameters {
  prompt: string;
  negativePrompt: string;
  entries: readonly (readonly [name: string, value: string | number])[];
}

export interface PictureContext {
  job: JobInfo;
  index: number;
  seed: number;
}

/** A picture about to be written. */
export interface ImageFile {
  /** Below the outputs folder, with forward slashes, without ending. A name that is taken gets the next free number. */
  name: string;
  format: 'png';
  /** Text chunks by keyword. `parameters` is there already. */
  metadata: Readonly<Record<string, string>>;
}

/** A folder that may be an extension, and what there is to load. */
export interface LoadableExtension {
  /** Name of the loader that answered. */
  loader: string;
  folder: string;
  manifest: unknown;
}

/**
 * Every place where an extension can act. The first word of a name is its kind: `collect` adds to a registry, `resolve`
 * answers or passes, `transform` returns the value that goes on, `wrap` returns a function used instead, `on` is told.
 */
export interface HookTable {
  /** Runs when extensions are activated or withdrawn. Add samplers; they appear in the page and the API at once. */
  collectSamplers: { registry: Registry<Sampler> };
  /** Runs when extensions are activated or withdrawn. Add schedules of noise levels. */
  collectSchedulers: { registry: Registry<Scheduler> };
  /** Runs when extensions are activated or withdrawn. Add a kind of diffusion model; checkpoints that it recognises can be used at once. */
  collectModelFamilies: { registry: Registry<ModelFamily> };
  /** Runs when extensions are activated or withdrawn. Add the schema of your settings section. */
  collectSettings: { registry: Registry<z.ZodObject> };
  /** Runs when extensions are activated or withdrawn. Tabs of the manifest are tapped on your behalf. */
  collectTabs: { registry: Registry<TabDeclaration> };
  /** Asked for each folder below `extensions/` and `extensions-builtin/`. Answer when you can load it; the native loader answers last. */
  resolveExtension: { question: { folder: string }; answer: LoadableExtension };
  /** Asked for a checkpoint's name that no file has. Answer with the name of a checkpoint that exists. */
  resolveCheckpoint: { question: { name: string; known: readonly string[] }; answer: string };
  /** Runs once after all extensions were activated and the catalogue was published. */
  onEngineReady: { event: { extensions: readonly string[] } };
  /** Runs before the engine ends in good order. */
  onEngineStopping: { event: { reason: string } };
  /** Runs when a job begins, before anything is loaded. */
  onJobStarted: { event: JobInfo };
  /** Runs when a job has ended, whatever its end. */
  onJobFinished: { event: { job: JobInfo; phase: Job['phase']; pictures: readonly Picture[] } };
  /** Runs once a job, before prompts are made. The result is checked as a request again. */
  transformRequest: { value: Txt2ImgRequest; context: JobInfo };
  /**
   * Runs once for each picture, before tokens are counted. Return the prompt unchanged when there is nothing to do.
   * Draw chance from `random`, so that a seed means one picture.
   */
  transformPrompt: { value: Prompt; context: PromptContext };
  /** Runs once a batch, before the model is opened. */
  transformModelPlan: { value: ModelPlan; context: BatchContext };
  /** Runs when another checkpoint has been opened. */
  onModelLoaded: { event: ModelFacts };
  /** Runs on the encoded prompts of a batch: once, or once for each text where they change over the steps. The context may grow along tokens, equally in both. */
  transformConditioning: { value: Conditioning; context: BatchContext };
  /** Runs once a batch, on unit noise of the start: [batch, channels, height / 8, width / 8]. */
  transformNoise: { value: Tensor; context: BatchContext };
  /** Wraps how both branches of guidance are combined. */
  wrapGuidance: { inner: Guidance; context: BatchContext };
  /** Wraps each call of the diffusion model. */
  wrapModelCall: { inner: ModelCall; context: BatchContext };
  /** Wraps the denoiser that the sampler sees: guidance and model together. */
  wrapDenoise: { inner: Denoise; context: BatchContext };
  /** Runs after every step. It is told; it cannot change anything. */
  onStep: { event: StepReport };
  /** Runs once a batch, on the last latent, before it is decoded. */
  transformLatent: { value: Tensor; context: BatchContext };
  /** Runs once a batch, on its pictures, before they are written. Return as many as came. */
  transformImages: { value: readonly RgbImage[]; context: BatchContext };
  /** Runs once for each picture, on the parameters that go into its file. */
  transformParameters: { value: GenerationParameters; context: PictureContext };
  /** Runs once for each picture, before it is written: name and text chunks. */
  transformImageFile: { value: ImageFile; context: PictureContext };
  /** Runs when a picture is safely on disk. */
  onImageSaved: { event: { job: JobInfo; picture: Picture } };
}

export type HookName = keyof HookTable;

/** The function that taps a hook, from the hook's name and its entry in the table. Name and kind cannot disagree. */
export type TapFn<Name, H> = Name extends `collect${string}`
  ? H extends { registry: infer R }
    ? (registry: R) => void
    : never
  : Name extends `resolve${string}`
    ? H extends { question: infer Q; answer: infer A }
      ? (question: Q) => Awaitable<A | undefined>
      : never
    : Name extends `transform${string}`
      ? H extends { value: infer V; context: infer C }
        ? (value: V, context: C) => Awaitable<V>
        : never
      : Name extends `wrap${string}`
        ? H extends { inner: infer F; context: infer C }
          ? (inner: F, context: C) => F
          : never
        : Name extends `on${string}`
          ? H extends { event: infer E }
            ? (event: E) => Awaitable<void>
            : never
          : never;

/** When a tap runs among the taps of its hook: by stage, then by `before`/`after`, then by activation. */
export interface TapOptions {
  stage?: 'early' | 'normal' | 'late';
  /** Ids of extensions whose taps come later. One that is not installed is ignored and noted. */
  before?: readonly string[];
  /** Ids of extensions whose taps come earlier. One that is not installed is ignored and noted. */
  after?: readonly string[];
}

/** The hooks as an extension sees them: `hooks.transformPrompt.tap(…)`. Its id is filled in, its taps leave with it. */
export type Hooks = {
  readonly [Name in HookName]: { tap(fn: TapFn<Name, HookTable[Name]>, options?: TapOptions): Disposable };
};

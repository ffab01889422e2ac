import { z } from 'zod';
import { ErrorReport } from '../errors.js';
import { TabDeclaration } from '../manifest.js';
import { HookTiming } from './job.js';

const JsonSchema = z.record(z.string(), z.unknown()).describe('JSON Schema (draft 2020-12).');

/** What a model was trained to answer. */
const Prediction = z.enum(['eps', 'v', 'edm', 'flow']);
const suits = z.array(Prediction).describe('With models of which prediction it can be used.');

export const SamplerEntry = z
  .object({
    id: z.string(),
    label: z.string(),
    aliases: z.array(z.string()),
    options: JsonSchema,
    callsPerStep: z.int(),
    order: z.number(),
    minSteps: z.int(),
    defaultScheduler: z.string().nullable(),
    ignoresScheduler: z.boolean().describe('It chooses its own noise levels.'),
    suits,
    extension: z.string().nullable().describe('Who brought it; null for the core.'),
  })
  .meta({ id: 'SamplerEntry' });
export type SamplerEntry = z.infer<typeof SamplerEntry>;

export const SchedulerEntry = z
  .object({
    id: z.string(),
    label: z.string(),
    aliases: z.array(z.string()),
    options: JsonSchema,
    suits,
    extension: z.string().nullable(),
  })
  .meta({ id: 'SchedulerEntry' });
export type SchedulerEntry = z.infer<typeof SchedulerEntry>;

const TextEncoderKind = z.enum(['clip-l', 'clip-h', 'clip-g', 't5']);

/** A network that a diffusion model needs around it. */
export const ModelPart = z.enum(['vae', ...TextEncoderKind.options]);
export type ModelPart = z.infer<typeof ModelPart>;

/** A VAE in a file of its own. */
export const VaeEntry = z
  .object({
    name: z.string().describe('Path below its folder, without the ending: what requests use.'),
    file: z.string(),
    latentChannels: z.int().nullable().describe('It fits the checkpoints whose latents have as many; null when it cannot be used.'),
    isTiny: z.boolean().describe('A tiny autoencoder: quick and rough.'),
    problem: ErrorReport.nullable().describe('Why the file cannot be used.'),
  })
  .meta({ id: 'VaeEntry' });
export type VaeEntry = z.infer<typeof VaeEntry>;

/** Text encoders in a file of their own; most hold one. */
export const TextEncoderEntry = z
  .object({
    name: z.string().describe('Path below its folder, without the ending: what requests use.'),
    file: z.string(),
    kinds: z.array(TextEncoderKind).describe('Empty when it cannot be used.'),
    problem: ErrorReport.nullable().describe('Why the file cannot be used.'),
  })
  .meta({ id: 'TextEncoderEntry' });
export type TextEncoderEntry = z.infer<typeof TextEncoderEntry>;

/** A word that was learned from pictures (textual inversion). */
export const EmbeddingEntry = z
  .object({
    name: z.string().describe('What prompts call it: the name of its file, without the ending.'),
    file: z.string(),
    vectors: z.int().describe('How many tokens it takes; 0 when it cannot be used.'),
    widths: z.array(z.int()).describe('Of the text encoders that it was made for: of one, or of CLIP-L and CLIP-G.'),
    sha256: z.string().nullable().describe('Null when it cannot be used.'),
    training: z
      .object({ steps: z.int().nullable(), checkpointHash: z.string().nullable(), checkpoint: z.string().nullable() })
      .nullable()
      .describe('What its file tells of how it was made.'),
    problem: ErrorReport.nullable().describe('Why the file cannot be used.'),
  })
  .meta({ id: 'EmbeddingEntry' });
export type EmbeddingEntry = z.infer<typeof EmbeddingEntry>;

/** A part that a checkpoint does not hold itself. */
export const MissingPart = z
  .object({
    part: ModelPart,
    isOptional: z.boolean().describe('Pictures can be made without it, if less well.'),
    choices: z.array(z.string()).describe('Names of the files that it can be taken from.'),
    message: z.string(),
    hint: z.string(),
  })
  .meta({ id: 'MissingPart' });
export type MissingPart = z.infer<typeof MissingPart>;

/** What a model is best used with, where its file or its name tells. */
const Recommended = z
  .object({ width: z.int(), height: z.int(), steps: z.int(), cfgScale: z.number(), sampler: z.string(), scheduler: z.string() })
  .partial();

export const CheckpointEntry = z
  .object({
    name: z.string().describe('Path below its models folder, without the ending: what requests use.'),
    file: z.string().describe('Absolute path of the file, or of a folder of diffusers.'),
    sizeBytes: z.number(),
    family: z.string().nullable().describe('Id of the model family; null when the file cannot be used.'),
    label: z.string().nullable().describe('What people call this sort of model, e.g. "SDXL inpainting".'),
    prediction: Prediction.nullable().describe('What it was trained to answer.'),
    latentChannels: z.int().nullable(),
    beside: z.enum(['inpainting', 'edit', 'depth', 'control']).nullable().describe('What it wants to see beside the latent.'),
    takesGuidance: z.boolean().describe('It reads `distilledCfgScale` (Flux dev).'),
    recommended: Recommended,
    parts: z.array(ModelPart).describe('Which of the networks around the diffusion model lie in the file itself.'),
    missing: z.array(MissingPart).describe('Which have to be chosen from other files.'),
    sha256: z.string().nullable().describe('Null until it was computed.'),
    shortHash: z.string().nullable().describe('First ten digits of sha256, as A1111 writes them.'),
    problem: ErrorReport.nullable().describe('Why the file cannot be used.'),
    automaticVae: z.string().nullable().describe('Name of the file that `auto` takes as VAE; null for its own, and where there is none.'),
    description: z.string().nullable().describe('What its author or its owner says of it.'),
    previewFile: z.string().nullable().describe('Absolute path of the picture that lies beside it.'),
    previewUrl: z.string().nullable().describe('Address of that picture, made small.'),
    notes: z.array(z.string()).default([]).describe('What was passed over, and which of several files were taken.'),
  })
  .meta({ id: 'CheckpointEntry' });
export type CheckpointEntry = z.infer<typeof CheckpointEntry>;

export const ExtensionState = z.enum(['found', 'disabled', 'active', 'stale', 'failed', 'not-an-extension']);
export type ExtensionState = z.infer<typeof ExtensionState>;

export const ExtensionEntry = z
  .object({
    id: z.string(),
    name: z.string(),
    version: z.string(),
    description: z.string(),
    origin: z.enum(['builtin', 'user']),
    folder: z.string(),
    state: ExtensionState,
    /** Where it stopped, when it failed or is stale. */
    stage: z.enum(['found', 'checked', 'compiled', 'activated', 'running']).nullable(),
    error: ErrorReport.nullable(),
    faults: z.array(ErrorReport).describe('The latest faults of its taps and routes.'),
    permissions: z.array(z.string()),
    notes: z.array(z.string()).describe('Diagnostics, e.g. an order anchor that is not installed.'),
    uiUrl: z.string().nullable().describe('Address of its compiled page module.'),
    routes: z.array(z.string()),
    samplers: z.array(z.string()),
    schedulers: z.array(z.string()),
    settingsSchema: JsonSchema.nullable(),
    timings: z.array(HookTiming).describe('Since it was activated.'),
  })
  .meta({ id: 'ExtensionEntry' });
export type ExtensionEntry = z.infer<typeof ExtensionEntry>;

export const TabEntry = TabDeclaration.extend({ extension: z.string() }).meta({ id: 'TabEntry' });
export type TabEntry = z.infer<typeof TabEntry>;

/** What the engine has to offer. The server keeps the last one on disk. */
export const Catalogue = z
  .object({
    samplers: z.array(SamplerEntry),
    schedulers: z.array(SchedulerEntry),
    checkpoints: z.array(CheckpointEntry),
    vaes: z.array(VaeEntry),
    textEncoders: z.array(TextEncoderEntry),
    embeddings: z.array(EmbeddingEntry),
    extensions: z.array(ExtensionEntry),
    tabs: z.array(TabEntry).describe('Tabs that extensions bring, in order.'),
  })
  .meta({ id: 'Catalogue' });
export type Catalogue = z.infer<typeof Catalogue>;

/** Which networks of the model stay open, and why. */
export const MemoryChoice = z
  .object({
    policy: z.enum(['keep', 'swap']).describe('"keep" all of them, or "swap" one kind for the next.'),
    because: z.string().describe('Completes the sentence "It is so because …".'),
  })
  .meta({ id: 'MemoryChoice' });
export type MemoryChoice = z.infer<typeof MemoryChoice>;

/** Whether both branches of guidance went into one model call, and why. */
export const BranchChoice = z
  .object({
    together: z.boolean(),
    because: z.string().describe('Completes the sentence "It is so because …".'),
  })
  .meta({ id: 'BranchChoice' });
export type BranchChoice = z.infer<typeof BranchChoice>;

/** How the engine and its device are doing; shown in the status line. */
export const EngineStatus = z
  .object({
    state: z.enum(['starting', 'ready', 'restarting']),
    device: z.string().nullable().describe('What was chosen, e.g. "CPU".'),
    chosenBecause: z.string().nullable().describe('Completes the sentence "Models run there because …".'),
    precision: z.string().nullable().describe('What was chosen, e.g. "fp32".'),
    modelMemory: MemoryChoice.nullable().describe('Null until a model is loaded.'),
    guidance: BranchChoice.nullable().describe('Of the last batch; null until there was one.'),
    memory: z.object({ engineBytes: z.number(), deviceBytes: z.number(), serverBytes: z.number(), totalBytes: z.number() }).nullable(),
    lastIncident: ErrorReport.nullable().describe('Why it last had to be restarted.'),
  })
  .meta({ id: 'EngineStatus' });
export type EngineStatus = z.infer<typeof EngineStatus>;

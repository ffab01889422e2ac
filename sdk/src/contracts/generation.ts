import { z } from 'zod';

/** The longest prompt that is taken, in characters: some two thousand tokens. */
export const MAX_PROMPT_LENGTH = 20_000;

/** Seeds are 0 … 2^53 − 1, so that `seed + index` stays exact; −1 asks for a random one. */
const MAX_SEED = Number.MAX_SAFE_INTEGER - 1000;

/** How weights are held and computed with. `auto` is what suits the device, and reports what it chose. */
export const Precision = z.enum(['auto', 'fp32', 'fp16', 'int8']);
export type Precision = z.infer<typeof Precision>;

/** Whether the VAE works in overlapping tiles: on large pictures, on all that are larger than a tile, or on none. */
export const TiledVae = z.enum(['auto', 'always', 'never']);
export type TiledVae = z.infer<typeof TiledVae>;

const prompt = z.string().max(MAX_PROMPT_LENGTH, `is longer than ${MAX_PROMPT_LENGTH} characters`);
const side = z.int().min(16).max(2048).multipleOf(8);

/** Everything that decides one job's pictures. The names are the API's; the page's controls are made from the same schema. */
export const Txt2ImgRequest = z
  .strictObject({
    prompt: prompt.default('').describe('What the picture should show.'),
    negativePrompt: prompt.default('').describe('What the picture should not have.'),
    checkpoint: z.string().min(1).optional().describe('Name of a checkpoint; without it, the one chosen in the settings.'),
    vae: z
      .string()
      .min(1)
      .default('auto')
      .describe(
        'Name of a VAE file; "auto" takes the one that is preferred or lies beside the checkpoint, else its own; "own" takes its own.',
      ),
    tiledVae: TiledVae.default('auto').describe(
      'Decode and encode in overlapping tiles, which needs less memory: auto does so above a million pixels or so (1024 × 1024).',
    ),
    textEncoders: z
      .array(z.string().min(1))
      .max(4)
      .default([])
      .describe('Names of text encoder files, for what the checkpoint lacks or instead of its own.'),
    precision: Precision.default('auto').describe('How the model is computed: auto suits the device; int8 is faster and less exact.'),
    sampler: z.string().min(1).default('dpmpp-2m').describe('Id, label or alias of a sampler.'),
    samplerOptions: z.record(z.string(), z.unknown()).default({}).describe('Options of the sampler, by name.'),
    scheduler: z.string().min(1).default('automatic').describe('Id, label or alias of a schedule type.'),
    schedulerOptions: z.record(z.string(), z.unknown()).default({}).describe('Options of the schedule, by name.'),
    scheduleMinSigma: z.number().min(0).max(1000).default(0).describe('Lowest noise level of the schedule; 0 for the model’s own.'),
    scheduleMaxSigma: z.number().min(0).max(10_000).default(0).describe('Highest noise level of the schedule; 0 for the model’s own.'),
    discardNextToLast: z.boolean().default(false).describe('Leave out the level before the last, as some samplers do anyway.'),
    levels: z
      .array(z.number().min(0).max(10_000))
      .max(1000)
      .default([])
      .describe('Noise levels written by hand, falling, instead of a schedule and a number of steps.'),
    startStep: z.int().min(0).max(150).default(0).describe('How many steps are left out at the start.'),
    endStep: z.int().min(0).max(150).default(0).describe('The step after which the run goes straight to the picture; 0 for all.'),
    steps: z.int().min(1).max(150).default(20).describe('More steps refine the picture and take longer.'),
    cfgScale: z.number().min(1).max(30).default(4).describe('How strongly the prompt is followed. At 1 the negative prompt is not used.'),
    distilledCfgScale: z
      .number()
      .min(0)
      .max(100)
      .default(3.5)
      .describe('Guidance of models that were distilled with it (Flux dev); others do not read it.'),
    width: side.default(256).describe('Width of the picture in pixels, a multiple of 8.'),
    height: side.default(256).describe('Height of the picture in pixels, a multiple of 8.'),
    seed: z.int().min(-1).max(MAX_SEED).default(-1).describe('Same seed, same settings, same picture. −1 draws one.'),
    batchCount: z.int().min(1).max(100).default(1).describe('How many batches are made, one after another.'),
    batchSize: z.int().min(1).max(8).default(1).describe('How many pictures are made at once.'),
    clipSkip: z.int().min(1).max(12).default(1).describe('Which of the text encoder’s layers is used, counted from the last.'),
    variationSeed: z
      .int()
      .min(-1)
      .max(MAX_SEED)
      .default(-1)
      .describe('Another seed, towards whose noise the start noise goes. −1 draws one.'),
    variationStrength: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe('How far it goes there. Above 0 all pictures have the same seed, and each its own variation seed.'),
    seedResizeFromWidth: z
      .int()
      .min(0)
      .max(2048)
      .default(0)
      .describe('Takes the noise of a picture of that size; 0 for the picture’s own.'),
    seedResizeFromHeight: z
      .int()
      .min(0)
      .max(2048)
      .default(0)
      .describe('Takes the noise of a picture of that size; 0 for the picture’s own.'),
    noiseSeedDelta: z
      .int()
      .min(-MAX_SEED)
      .max(MAX_SEED)
      .default(0)
      .describe('Added to the seed for what samplers draw after the start noise (ENSD; NovelAI has 31337).'),
    guidanceMinSigma: z
      .number()
      .min(0)
      .max(100)
      .default(0)
      .describe('Below this noise level every other call goes without the negative prompt, which saves time (NGMS).'),
    guidanceMinSigmaForAll: z.boolean().default(false).describe('Below that level all calls go without it.'),
    skipEarlyGuidance: z.number().min(0).max(1).default(0).describe('The share of the calls at the beginning that go without guidance.'),
    cfgRescale: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe('Takes back the contrast that strong guidance exaggerates; for v-predicting models, 0.7.'),
    rng: z.enum(['NV', 'CPU']).default('NV').describe('How noise is made: as on an NVIDIA card, or as on a CPU.'),
  })
  .meta({ id: 'Txt2ImgRequest' });
/** A request with every default filled in. */
export type Txt2ImgRequest = z.output<typeof Txt2ImgRequest>;
/** A request as people write it: only what differs from the defaults. */
export type Txt2ImgInput = z.input<typeof Txt2ImgRequest>;

/** A finished picture. Its file is at `/api/pictures/:id/file`. */
export const Picture = z
  .object({
    id: z.string(),
    jobId: z.string(),
    index: z.int().min(0).describe('Position within its job.'),
    seed: z.int(),
    width: z.int(),
    height: z.int(),
    file: z.string().describe('Path below the outputs folder.'),
    parameters: z.string().describe('The generation parameters, as in the PNG.'),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Picture' });
export type Picture = z.infer<typeof Picture>;

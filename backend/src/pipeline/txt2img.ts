import { AppError, fail, type BatchContext, type ModelPlan, type Prompt, type Tensor, type Txt2ImgRequest } from '@atelier/sdk';
import { Txt2ImgRequest as RequestSchema } from '@atelier/sdk/contracts';
import { rescaled } from '../diffusion/cfg-rescale.js';
import { guidanceStrength } from '../diffusion/guidance-strength.js';
import { classifierFree, guided } from '../diffusion/guidance.js';
import { BatchNoise, type NoiseVariation } from '../diffusion/noise/batch-noise.js';
import { stepNoise } from '../diffusion/noise/step-noise.js';
import { checkFinite } from '../diffusion/non-finite-tensor.js';
import { effectiveScheduler, noiseLevels, startNoise } from '../diffusion/noise-levels.js';
import { sample, type Sampled } from '../diffusion/sample.js';
import { parametersText } from '../images/generation-parameters.js';
import { tilingOf } from '../library/tiles.js';
import { extractTags, withoutComments, type PromptTag } from '../prompt/index.js';
import { describe } from './describe.js';
import { encodePrompts, promptSteps } from './encode-prompts.js';
import { furtherInputs } from './further-inputs.js';
import type { FinishedImage, JobContext } from './job-context.js';
import { Interrupted } from './job-control.js';
import { openModel, type OpenModel } from './open-model.js';
import { previewBy } from './preview.js';
import { PromptEmbeddings } from './prompt-embeddings.js';
import { samplerOptions, schedulerOptions } from './sampler-options.js';
import { seededRandom } from './seeded-random.js';
import { toImages } from './to-images.js';

/** The request names no checkpoint: whoever took it in should have filled in the chosen one. */
export class CheckpointNotChosen extends AppError {
  readonly code = 'checkpoint-not-chosen';
  constructor() {
    super('No checkpoint was chosen.', 'Choose one in the page, or name one in the request.');
  }
}

/** A tag like `<lora:name:1>` was left in the prompt: nothing that is active understands it. */
export class TagNotUnderstood extends AppError {
  readonly code = 'tag-not-understood';
  constructor({ kind, items }: PromptTag) {
    super(
      `Nothing here understands <${[kind, ...items].join(':')}>.`,
      `Remove it from the prompt, or switch on an extension that understands "${kind}" tags.`,
    );
  }
}

/**
 * Makes all pictures of a request, batch after batch. START READING HERE.
 *
 * @param firstBatch above 0 when a job goes on whose earlier batches are on disk already.
 */
export async function* txt2img(request: Txt2ImgRequest, job: JobContext, firstBatch = 0): AsyncGenerator<FinishedImage> {
  const asked = RequestSchema.parse(await job.hooks.transformRequest.call(request, job.info));
  job.report.request(asked);
  for (let batch = firstBatch; batch < asked.batchCount; batch++) {
    job.control.beginBatch();
    try {
      yield* await makeBatch(asked, batchContext(asked, batch, job), job);
    } catch (error) {
      if (!job.control.caused(error) || job.control.asked !== 'skip') throw error;
    }
    if (job.control.asked === 'keep') return;
  }
}

async function makeBatch(asked: Txt2ImgRequest, batch: BatchContext, job: JobContext): Promise<FinishedImage[]> {
  const { hooks, control, report } = job;
  report.batch(batch);
  const prompts = await expandPrompts(asked, batch, job);
  const sampler = job.shelves.sampler(asked.sampler);
  const chosen = job.shelves.scheduler(asked.scheduler);
  const options = samplerOptions(asked, sampler);

  report.stage('loading');
  const model = await openModel(await hooks.transformModelPlan.call(planModel(asked), batch), job);
  const preview = await previewBy(job.previewMethod, model);
  control.yieldPoint();

  report.stage('encoding');
  const embeddings = await PromptEmbeddings.of(model);
  const conditioning = await encodePrompts(
    prompts,
    model,
    { ...asked, embeddings, guidanceScale: asked.cfgScale, promptSteps: promptSteps(asked.steps, sampler) },
    (each) => hooks.transformConditioning.call(each, batch),
  );
  for (const warning of embeddings.warnings()) report.warning(warning);
  control.yieldPoint();

  const sampling = sampler.sampling?.(model.sampling) ?? model.sampling;
  const scheduler = effectiveScheduler(
    chosen,
    sampler,
    job.shelves.schedulers.map(({ item }) => item),
    sampling,
  );
  const sigmas = noiseLevels({
    sampler,
    scheduler,
    model: sampling,
    stepCount: asked.steps,
    options,
    changes: { ...asked, schedulerOptions: schedulerOptions(asked, scheduler) },
  });
  const shape = latentShape(asked, model);
  const fresh = new BatchNoise(asked.rng, batch.seeds, shape, noiseVariation(asked, batch, model));
  const x = startNoise(await hooks.transformNoise.call(fresh.next(), batch), sampler, sigmas[0]);
  const guidedDenoise = guided({
    model: sampling,
    call: hooks.wrapModelCall.call(model.predict, batch),
    conditioning,
    together: model.branchesTogether([asked.batchSize, ...shape]),
    inputs: await furtherInputs(asked, model, shape),
    scale: guidanceStrength({
      cfgScale: asked.cfgScale,
      calls: asked.steps * sampler.callsPerStep,
      minSigma: asked.guidanceMinSigma,
      minSigmaForAll: asked.guidanceMinSigmaForAll,
      skipEarly: asked.skipEarlyGuidance,
    }),
    combine: rescaled(hooks.wrapGuidance.call(classifierFree, batch), asked.cfgRescale),
  });

  report.stage('sampling');
  const sampled = await sample({
    sampler,
    options,
    model: sampling,
    denoise: hooks.wrapDenoise.call(guidedDenoise, batch),
    noise: stepNoise(sampler, { fresh, source: asked.rng, seeds: batch.seeds, shape, sigmas }),
    x,
    sigmas,
    shouldStop: () => control.asked !== 'none',
    async onStep(step) {
      void model.sha256(); // wanted in the end; begun so late because until here someone waits for the first step
      report.step({ ...batch, ...step }, () => preview(step));
      await hooks.onStep.call({ ...batch, ...step });
    },
  });
  control.yieldPoint();

  control.finishBatch();
  report.stage('decoding');
  const latent = await hooks.transformLatent.call(latentOf(sampled), batch);
  const tiling = tilingOf(asked.tiledVae, latent.shape[2], latent.shape[3]);
  const decoded = await model.decode(latent, { tiling, yieldPoint: () => control.yieldPoint() });
  checkFinite(decoded, () => 'The decoded picture');
  model.colours.learn(latent, decoded);
  const images = await hooks.transformImages.call(toImages(decoded), batch);

  report.stage('saving');
  return await Promise.all(
    images.map(async (image, row) => {
      const place = { job: job.info, index: batch.firstIndex + row, seed: batch.seeds[row] };
      const described = await describe(asked, {
        prompt: prompts[row],
        seed: place.seed,
        index: place.index,
        sampler,
        scheduler,
        model,
        tiling,
        embeddings: embeddings.used,
      });
      const parameters = parametersText(await hooks.transformParameters.call(described, place));
      return { image, index: place.index, seed: place.seed, parameters };
    }),
  );
}

/** Pictures have seeds in a row; as variations of one, they have that one's. */
function batchContext({ batchSize, seed, variationStrength }: Txt2ImgRequest, batch: number, job: JobContext): BatchContext {
  const firstIndex = batch * batchSize;
  const seedOf = (row: number) => (variationStrength === 0 ? seed + firstIndex + row : seed);
  return { job: job.info, firstIndex, seeds: Array.from({ length: batchSize }, (_, row) => seedOf(row)) };
}

function noiseVariation(asked: Txt2ImgRequest, { firstIndex, seeds }: BatchContext, { traits: { latent } }: OpenModel): NoiseVariation {
  const { variationSeed, variationStrength, seedResizeFromWidth: width, seedResizeFromHeight: height, noiseSeedDelta } = asked;
  const cells = (side: number) => Math.floor(side / latent.downscale);
  return {
    subseeds: seeds.map((_, row) => variationSeed + firstIndex + row),
    subseedStrength: variationStrength,
    ...(width > 0 && height > 0 && { resizeFrom: [cells(height), cells(width)] }),
    seedDelta: noiseSeedDelta,
  };
}

/** Both prompts of each picture of the batch, as extensions leave them. */
async function expandPrompts(asked: Txt2ImgRequest, batch: BatchContext, job: JobContext): Promise<Prompt[]> {
  const prompts: Prompt[] = [];
  for (const [row, seed] of batch.seeds.entries()) {
    const context = { job: job.info, index: batch.firstIndex + row, seed, random: seededRandom(seed) };
    const written = { positive: withoutComments(asked.prompt).trim(), negative: withoutComments(asked.negativePrompt).trim() };
    const prompt = await job.hooks.transformPrompt.call(written, context);
    refuseTags(prompt);
    prompts.push(prompt);
  }
  return prompts;
}

/** Tags are orders, not words: one that nobody carried out must not reach the text encoder. */
function refuseTags({ positive, negative }: Prompt): void {
  const [tag] = [positive, negative].flatMap((text) => extractTags(text).tags);
  if (tag) throw new TagNotUnderstood(tag);
}

/** Of one picture: [channels, height / 8, width / 8]. */
function latentShape({ width, height }: Txt2ImgRequest, { traits: { latent } }: OpenModel): number[] {
  return [latent.channels, height / latent.downscale, width / latent.downscale];
}

/** The clean latent of a run; of one that was ended early, the model's last guess. */
function latentOf({ x, denoised, stepsDone, wasStopped }: Sampled): Tensor {
  if (stepsDone === 0) throw new Interrupted(); // nothing was made that could be kept
  return wasStopped ? denoised : x;
}

function planModel({ checkpoint, vae, textEncoders, clipSkip, precision }: Txt2ImgRequest): ModelPlan {
  return { checkpoint: checkpoint ?? fail(new CheckpointNotChosen()), vae, textEncoders, clipSkip, precision };
}

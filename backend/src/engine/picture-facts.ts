import type { JobInfo } from '@atelier/sdk';
import { parseInfotext } from '../images/infotext/parse-infotext.js';
import type { PictureFacts } from '../images/name-pattern.js';
import type { FinishedImage } from '../pipeline/job-context.js';
import type { Shelves } from '../pipeline/shelves.js';

/** What a finished picture's file name can tell of it. Most is in its parameters, as extensions left them. */
export function factsOf(
  { image, index, seed, parameters }: FinishedImage,
  { request }: JobInfo,
  times: Pick<PictureFacts, 'startedAt' | 'now'>,
  shelves: Shelves,
  maxPromptWords: number,
): PictureFacts {
  const { prompt, negativePrompt, entries } = parseInfotext(parameters);
  const { defaultScheduler, label } = shelves.sampler(request.sampler);
  const own = request.scheduler === 'automatic' ? defaultScheduler : undefined;
  const { batchSize, batchCount, variationStrength, cfgScale } = request;
  return {
    prompt,
    negativePrompt,
    styles: new Map(),
    seed,
    seeds: Array.from({ length: batchSize * batchCount }, (_, i) => (variationStrength > 0 ? request.seed : request.seed + i)),
    batchSize,
    batchCount,
    index,
    steps: request.steps,
    cfgScale: Number.isInteger(cfgScale) ? cfgScale.toFixed(1) : String(cfgScale),
    denoisingStrength: null,
    width: image.width,
    height: image.height,
    clipSkip: request.clipSkip,
    sampler: label,
    scheduler: shelves.scheduler(own ?? request.scheduler).label,
    modelName: entries.get('Model') ?? '',
    modelHash: entries.get('Model hash') ?? '',
    vae: entries.get('VAE') ?? null,
    user: null,
    pixels: image.data,
    basename: '',
    isZip: false,
    maxPromptWords,
    ...times,
  };
}

import type { GenerationParameters, Prompt, Sampler, Scheduler, Txt2ImgRequest } from '@atelier/sdk';
import type { EmbeddingEntry } from '@atelier/sdk/contracts';
import type { LoadedModel } from '../library/loaded-model.js';
import type { Tiling } from '../library/tiles.js';
import { version } from '../version.js';

/** Written into every picture. A1111 takes `v…` for its own versions, so ours does not begin like that. */
const VERSION = `atelier-${version}`;

/** What a person needs to make the picture again, in A1111's names and order. */
export async function describe(
  asked: Txt2ImgRequest,
  made: {
    prompt: Prompt;
    seed: number;
    index: number;
    sampler: Sampler;
    scheduler: Scheduler;
    model: LoadedModel;
    tiling: Tiling | null;
    embeddings: readonly EmbeddingEntry[];
  },
): Promise<GenerationParameters> {
  const { prompt, seed, index, sampler, scheduler, model, tiling, embeddings } = made;
  const entries: [name: string, value: string | number][] = [
    ['Steps', asked.steps],
    ['Sampler', sampler.label],
    ...(scheduler.id === 'automatic' ? [] : ([['Schedule type', scheduler.label]] as [string, string][])),
    ['CFG scale', asked.cfgScale],
    ['Seed', seed],
    ['Size', `${asked.width}x${asked.height}`],
    ['Model hash', (await model.sha256()).slice(0, 10)],
    ['Model', model.checkpoint.split('/').at(-1) ?? model.checkpoint],
    ...(model.vae === null ? [] : ([['VAE', model.vae]] as [string, string][])),
    ...tilingEntries(tiling, model.traits.latent.downscale),
    ...model.textEncoders.map((name, i): [string, string] => [`Module ${i + 1}`, name]),
    ...(model.traits.takesGuidance ? ([['Distilled CFG Scale', asked.distilledCfgScale]] as [string, number][]) : []),
    ...variationEntries(asked, index),
    ...(asked.clipSkip > 1 ? ([['Clip skip', asked.clipSkip]] as [string, number][]) : []),
    ...guidanceEntries(asked),
    ...(model.precision === 'int8' ? ([['Precision', model.precision]] as [string, string][]) : []),
    ['RNG', asked.rng],
    ...optionEntries(asked.samplerOptions, sampler),
    ...optionEntries(asked.schedulerOptions, scheduler),
    ...levelEntries(asked),
    ...embeddingEntries(embeddings),
    ['Version', VERSION],
  ];
  return { prompt: prompt.positive, negativePrompt: prompt.negative, entries };
}

/** The names in prompts that were embeddings, each with the hash that A1111 knows it by. */
function embeddingEntries(embeddings: readonly EmbeddingEntry[]): [string, string][] {
  const hashes = embeddings.flatMap(({ name, sha256 }) => (sha256 ? `${name.replaceAll(/[:,]/g, '')}: ${sha256.slice(0, 12)}` : []));
  return hashes.length > 0 ? [['TI hashes', hashes.join(', ')]] : [];
}

/** How the start noise differs from what the seed alone gives. */
function variationEntries(asked: Txt2ImgRequest, index: number): [string, string | number][] {
  const { variationSeed, variationStrength, seedResizeFromWidth: width, seedResizeFromHeight: height, noiseSeedDelta } = asked;
  const entries: [string, string | number][] = [];
  if (variationStrength > 0) entries.push(['Variation seed', variationSeed + index], ['Variation seed strength', variationStrength]);
  if (width > 0 && height > 0) entries.push(['Seed resize from', `${width}x${height}`]);
  if (noiseSeedDelta !== 0) entries.push(['ENSD', noiseSeedDelta]);
  return entries;
}

function guidanceEntries(asked: Txt2ImgRequest): [string, string | number][] {
  const entries: [string, string | number][] = [];
  if (asked.guidanceMinSigma > 0) entries.push(['NGMS', asked.guidanceMinSigma]);
  if (asked.guidanceMinSigma > 0 && asked.guidanceMinSigmaForAll) entries.push(['NGMS all steps', 'True']);
  if (asked.skipEarlyGuidance > 0) entries.push(['Skip Early CFG', asked.skipEarlyGuidance]);
  if (asked.cfgRescale > 0) entries.push(['CFG Rescale', asked.cfgRescale]);
  return entries;
}

/** The size of the VAE's tiles in pixels, and how far neighbours overlap, when the picture was made in tiles. */
function tilingEntries(tiling: Tiling | null, cell: number): [string, string | number][] {
  if (!tiling) return [];
  return [
    ['VAE tile', `${tiling.width * cell}x${tiling.height * cell}`],
    ['VAE tile overlap', tiling.overlap * cell],
  ];
}

/** Options that were changed, under the name the option declares for it (`infotext`), else its own. */
function optionEntries(options: Readonly<Record<string, unknown>>, noun: Sampler | Scheduler): [string, string | number][] {
  const defaults = noun.options.parse({}) as Record<string, unknown>;
  return Object.entries(options)
    .filter(([name, value]) => value !== defaults[name])
    .map(([name, value]) => [
      String(noun.options.shape[name]?.meta()?.infotext ?? name),
      typeof value === 'number' ? value : String(value),
    ]);
}

/** How the noise levels differ from what the schedule alone gives. */
function levelEntries(asked: Txt2ImgRequest): [string, string | number][] {
  const entries: [string, string | number][] = [];
  if (asked.scheduleMinSigma > 0) entries.push(['Schedule min sigma', asked.scheduleMinSigma]);
  if (asked.scheduleMaxSigma > 0) entries.push(['Schedule max sigma', asked.scheduleMaxSigma]);
  if (asked.discardNextToLast) entries.push(['Discard penultimate sigma', 'True']);
  if (asked.levels.length > 0) entries.push(['Noise levels', asked.levels.join(' ')]);
  if (asked.startStep > 0) entries.push(['Start step', asked.startStep]);
  if (asked.endStep > 0) entries.push(['End step', asked.endStep]);
  return entries;
}

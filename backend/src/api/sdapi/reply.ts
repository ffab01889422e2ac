import type {
  Catalogue,
  CheckpointEntry,
  EmbeddingEntry,
  Job,
  JobPreview,
  Picture,
  SamplerEntry,
  SchedulerEntry,
  TextEncoderEntry,
  VaeEntry,
} from '@atelier/sdk/contracts';
import { version } from '../../version.js';
import { titleOf } from './resolve-names.js';
import { fileNameOf, theirVaeName } from './resolve-parts.js';

/** The `info` of a finished job: A1111's keys in its order, then ours. It travels as a text of JSON. */
export function infoOf(job: Job, pictures: readonly Picture[], catalogue: Catalogue, ignoredFields: readonly string[]): string {
  const { request } = job;
  const { samplers, checkpoints } = catalogue;
  const prompts = pictures.map(promptsOf);
  const checkpoint = checkpoints.find(({ name }) => name === request.checkpoint);
  const vae = request.vae === 'auto' ? (checkpoint?.automaticVae ?? 'own') : request.vae;
  return JSON.stringify({
    prompt: prompts[0]?.positive ?? request.prompt,
    all_prompts: prompts.map(({ positive }) => positive),
    negative_prompt: prompts[0]?.negative ?? request.negativePrompt,
    all_negative_prompts: prompts.map(({ negative }) => negative),
    seed: request.seed,
    all_seeds: pictures.map(({ seed }) => seed),
    subseed: request.variationSeed,
    all_subseeds: pictures.map(({ index }) => (request.variationStrength > 0 ? request.variationSeed + index : request.variationSeed)),
    subseed_strength: request.variationStrength,
    width: request.width,
    height: request.height,
    sampler_name: samplers.find(({ id }) => id === request.sampler)?.label ?? request.sampler,
    cfg_scale: request.cfgScale,
    steps: request.steps,
    batch_size: request.batchSize,
    restore_faces: false,
    face_restoration_model: null,
    sd_model_name: request.checkpoint ?? null,
    sd_model_hash: checkpoint?.shortHash ?? null,
    sd_vae_name: vae === 'own' ? null : theirVaeName(catalogue, vae),
    sd_vae_hash: null,
    seed_resize_from_w: request.seedResizeFromWidth || -1,
    seed_resize_from_h: request.seedResizeFromHeight || -1,
    denoising_strength: null,
    extra_generation_params: {},
    index_of_first_image: 0,
    infotexts: pictures.map(({ parameters }) => parameters),
    styles: [],
    job_timestamp: timestamp(job.startedAt ?? job.createdAt),
    clip_skip: request.clipSkip,
    is_using_inpainting_conditioning: false,
    version: `atelier-${version}`,
    ignored_fields: ignoredFields,
  });
}

/** The prompts as the picture was made with them, after extensions had their turn. */
function promptsOf({ parameters }: Picture): { positive: string; negative: string } {
  const lines = parameters.split('\n').slice(0, -1); // the last one holds the other parameters
  const at = lines.findIndex((line) => line.startsWith('Negative prompt: '));
  if (at === -1) return { positive: lines.join('\n'), negative: '' };
  return { positive: lines.slice(0, at).join('\n'), negative: lines.slice(at).join('\n').slice('Negative prompt: '.length) };
}

/** The answer of `GET /progress`: of the running job, or of none. */
export function progressOf(
  job: Job | undefined,
  preview: JobPreview | undefined,
  asked: { skipped: boolean; interrupted: boolean },
  now: number,
) {
  if (job?.phase !== 'running') {
    const state = {
      ...asked,
      stopping_generation: false,
      job: '',
      job_count: 0,
      job_timestamp: '0',
      job_no: 0,
      sampling_step: 0,
      sampling_steps: 0,
    };
    return { progress: 0, eta_relative: 0, state, current_image: null, textinfo: null };
  }
  const { fraction, secondsLeft, step, steps, picture } = job.progress;
  const progress = Math.max(0.01, fraction); // at work is never 0: clients take that for idle
  const elapsed = (now - Date.parse(job.startedAt ?? job.createdAt)) / 1000;
  return {
    progress,
    eta_relative: secondsLeft ?? elapsed / progress - elapsed,
    state: {
      ...asked,
      stopping_generation: false,
      job: 'scripts_txt2img',
      job_count: job.request.batchCount,
      job_timestamp: timestamp(job.startedAt ?? job.createdAt),
      job_no: Math.floor(picture / job.request.batchSize),
      sampling_step: step,
      sampling_steps: steps,
    },
    current_image: preview ? Buffer.from(preview.png).toString('base64') : null,
    textinfo: null,
  };
}

export function samplerReply({ label, aliases, id }: SamplerEntry) {
  return { name: label, aliases: [id, ...aliases], options: {} };
}

export function schedulerReply({ id, label, aliases }: SchedulerEntry) {
  return { name: id, label, aliases: aliases.length > 0 ? aliases : null, default_rho: -1, need_inner_model: false };
}

export function modelReply(entry: CheckpointEntry) {
  const { name, file, sha256, shortHash } = entry;
  return { title: titleOf(entry), model_name: name.replaceAll('/', '_'), hash: shortHash, sha256, filename: file, config: null };
}

/** A VAE or a text encoder, in the lists of A1111 and Forge. */
export function moduleReply(entry: VaeEntry | TextEncoderEntry) {
  return { model_name: fileNameOf(entry), filename: entry.file };
}

export function embeddingReply({ vectors, widths, training }: EmbeddingEntry) {
  return {
    step: training?.steps ?? null,
    sd_checkpoint: training?.checkpointHash ?? null,
    sd_checkpoint_name: training?.checkpoint ?? null,
    shape: widths.reduce((sum, width) => sum + width, 0),
    vectors,
  };
}

/** Local time as A1111 writes it: 20261125093000. */
function timestamp(iso: string): string {
  const date = new Date(iso);
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
  return date.getFullYear() + parts.map((part) => String(part).padStart(2, '0')).join('');
}

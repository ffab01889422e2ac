import { AppError, z } from '@atelier/sdk';
import { Txt2ImgRequest, type Catalogue } from '@atelier/sdk/contracts';
import { RequestInvalid } from '../request-invalid.js';
import { isFixedAt } from './options.js';
import { checkpointNamed, samplerNamed } from './resolve-names.js';
import { withInfotext } from './with-infotext.js';
import { requestedBy, takeChoices, type StandingChoices } from './standing-choices.js';

/** A field that A1111 knows is not built yet, and was sent with a value that would do something. */
export class FieldNotBuilt extends AppError {
  readonly code = 'field-not-built';
  constructor(field: string, value: unknown) {
    super(
      `"${field}" is not built yet, so it cannot be ${JSON.stringify(value)}.`,
      `Leave "${field}" out, or send the value at which it does nothing.`,
    );
  }
}

/** A script that A1111 may have and this server has not. The wording is A1111's: clients look for it. */
class ScriptNotFound extends AppError {
  readonly code = 'script-not-found';
  constructor(name: string) {
    super(`Script '${name}' not found`, 'GET /sdapi/v1/scripts lists the scripts there are.');
  }
}

const text = z.string().nullable().default(null);
const number = z.number().nullable().default(null);
const flag = z.boolean().nullable().default(null);
const anything = z.unknown().default(null);

/** The body of A1111's `POST /sdapi/v1/txt2img` with its defaults. `null` is as good as left out. */
export const SdapiTxt2ImgRequest = z.looseObject({
  prompt: z.string().nullable().default(''),
  negative_prompt: z.string().nullable().default(''),
  styles: z.array(z.string()).nullable().default(null),
  seed: z.int().nullable().default(-1),
  subseed: z.int().nullable().default(-1),
  subseed_strength: z.number().nullable().default(0),
  seed_resize_from_h: z.int().nullable().default(-1),
  seed_resize_from_w: z.int().nullable().default(-1),
  sampler_name: text,
  scheduler: text,
  batch_size: z.int().nullable().default(1),
  n_iter: z.int().nullable().default(1),
  steps: z.int().nullable().default(50),
  cfg_scale: z.number().nullable().default(7),
  distilled_cfg_scale: z.number().nullable().default(3.5),
  width: z.int().nullable().default(512),
  height: z.int().nullable().default(512),
  restore_faces: flag,
  tiling: flag,
  do_not_save_samples: z.boolean().nullable().default(false),
  do_not_save_grid: z.boolean().nullable().default(false),
  eta: number,
  denoising_strength: number,
  s_min_uncond: number,
  s_churn: number,
  s_tmax: number,
  s_tmin: number,
  s_noise: number,
  override_settings: z.record(z.string(), z.unknown()).nullable().default(null),
  override_settings_restore_afterwards: z.boolean().nullable().default(true),
  refiner_checkpoint: text,
  refiner_switch_at: number,
  disable_extra_networks: z.boolean().nullable().default(false),
  firstpass_image: text,
  comments: anything,
  enable_hr: z.boolean().nullable().default(false),
  firstphase_width: z.int().nullable().default(0),
  firstphase_height: z.int().nullable().default(0),
  hr_scale: z.number().nullable().default(2),
  hr_upscaler: text,
  hr_second_pass_steps: z.int().nullable().default(0),
  hr_resize_x: z.int().nullable().default(0),
  hr_resize_y: z.int().nullable().default(0),
  hr_checkpoint_name: text,
  hr_additional_modules: anything,
  hr_sampler_name: text,
  hr_scheduler: text,
  hr_prompt: z.string().nullable().default(''),
  hr_negative_prompt: z.string().nullable().default(''),
  hr_cfg: z.number().nullable().default(1),
  hr_distilled_cfg: z.number().nullable().default(3.5),
  force_task_id: text,
  sampler_index: z.string().nullable().default('Euler'),
  script_name: text,
  script_args: z.array(z.unknown()).nullable().default([]),
  send_images: z.boolean().nullable().default(true),
  save_images: z.boolean().nullable().default(false),
  alwayson_scripts: z.record(z.string(), z.unknown()).nullable().default({}),
  infotext: text,
});
export type SdapiTxt2ImgRequest = z.output<typeof SdapiTxt2ImgRequest>;

/** The same, where an infotext may fill in what the body leaves out. */
export const SdapiTxt2ImgBody = z.preprocess(withInfotext, SdapiTxt2ImgRequest);

type Test = (value: unknown) => boolean;
const isNothing: Test = (value) => value === null || value === false || value === 0 || value === '';
const isEmpty: Test = (value) => value === null || (Array.isArray(value) && value.length === 0);

/**
 * Fields that are not built, with the values at which they do nothing in A1111. What only matters beside one of these
 * (everything of hires fix, the refiner's moment) may have any value.
 */
const notBuilt: Readonly<Record<string, Test>> = {
  styles: isEmpty,
  restore_faces: isNothing,
  tiling: isNothing,
  refiner_checkpoint: (value) => isNothing(value) || value === 'None',
  disable_extra_networks: isNothing,
  firstpass_image: isNothing,
  enable_hr: isNothing,
  firstphase_width: isNothing,
  firstphase_height: isNothing,
};

/** What samplers take besides steps and levels, with the value at which each does nothing. */
const samplerOptions: Readonly<Record<'s_churn' | 's_tmin' | 's_tmax' | 's_noise', number>> = {
  s_churn: 0,
  s_tmin: 0,
  s_tmax: 0,
  s_noise: 1,
};

/** A1111's settings that are fields of our request, and mean the same at every value. */
const plainSettings: Readonly<Record<string, keyof Txt2ImgRequest>> = {
  eta_noise_seed_delta: 'noiseSeedDelta',
  sigma_min: 'scheduleMinSigma',
  sigma_max: 'scheduleMaxSigma',
  always_discard_next_to_last_sigma: 'discardNextToLast',
  s_min_uncond: 'guidanceMinSigma',
  s_min_uncond_all: 'guidanceMinSigmaForAll',
  skip_early_cond: 'skipEarlyGuidance',
};

/** Our field names in A1111's words, to name a field as its sender does. */
const theirName: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(plainSettings).map(([setting, field]) => [field, `override_settings.${setting}`])),
  negativePrompt: 'negative_prompt',
  cfgScale: 'cfg_scale',
  distilledCfgScale: 'distilled_cfg_scale',
  variationSeed: 'subseed',
  variationStrength: 'subseed_strength',
  seedResizeFromWidth: 'seed_resize_from_w',
  seedResizeFromHeight: 'seed_resize_from_h',
  guidanceMinSigma: 's_min_uncond',
  batchSize: 'batch_size',
  batchCount: 'n_iter',
  clipSkip: 'override_settings.CLIP_stop_at_last_layers',
};

/** Fields of the request that A1111 does not know either. */
export function ignoredFields(request: SdapiTxt2ImgRequest): string[] {
  return Object.keys(request).filter((name) => !(name in SdapiTxt2ImgRequest.shape));
}

/**
 * The same wish in our words.
 *
 * @throws FieldNotBuilt, RequestInvalid or an error of a name that is not in the catalogue.
 */
export function toTxt2ImgRequest(request: SdapiTxt2ImgRequest, catalogue: Catalogue, standing: StandingChoices): Txt2ImgRequest {
  refuseNotBuilt(request);
  const named = samplerNamed(catalogue, request.sampler_name || request.sampler_index || 'Euler');
  const parsed = Txt2ImgRequest.safeParse({
    prompt: request.prompt ?? '',
    negativePrompt: request.negative_prompt ?? '',
    sampler: named.sampler.id,
    samplerOptions: samplerOptionsOf(request, Object.keys((named.sampler.options.properties as object | undefined) ?? {})),
    scheduler: request.scheduler || named.scheduler || 'automatic',
    steps: request.steps ?? 50,
    cfgScale: request.cfg_scale ?? 7,
    distilledCfgScale: request.distilled_cfg_scale ?? 3.5,
    width: request.width ?? 512,
    height: request.height ?? 512,
    seed: request.seed ?? -1,
    variationSeed: request.subseed ?? -1,
    variationStrength: request.subseed_strength ?? 0,
    seedResizeFromWidth: Math.max(request.seed_resize_from_w ?? 0, 0),
    seedResizeFromHeight: Math.max(request.seed_resize_from_h ?? 0, 0),
    guidanceMinSigma: request.s_min_uncond ?? 0,
    batchCount: request.n_iter ?? 1,
    batchSize: request.batch_size ?? 1,
    ...overrides(request, catalogue, standing),
  });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({ ...issue, path: issue.path.map((name) => theirName[String(name)] ?? name) }));
  throw new RequestInvalid(issues, SdapiTxt2ImgRequest);
}

function refuseNotBuilt(request: SdapiTxt2ImgRequest): void {
  for (const [field, doesNothing] of Object.entries(notBuilt)) {
    if (!doesNothing(request[field])) throw new FieldNotBuilt(field, request[field]);
  }
  if (request.script_name) throw new ScriptNotFound(request.script_name);
  const [script] = Object.keys(request.alwayson_scripts ?? {});
  if (script !== undefined) throw new ScriptNotFound(script);
}

/** `eta` is for samplers that have it and means nothing to others, as in A1111; of the rest nothing is dropped. */
function samplerOptionsOf(request: SdapiTxt2ImgRequest, known: readonly string[]): Record<string, number> {
  const options: Record<string, number> = {};
  if (request.eta !== null && known.includes('eta')) options.eta = request.eta;
  for (const [name, doingNothing] of Object.entries(samplerOptions)) {
    const value = request[name] as number | null;
    if (value === null) continue;
    if (known.includes(name)) options[name] = value;
    else if (value !== doingNothing) throw new FieldNotBuilt(name, value);
  }
  return options;
}

/** Settings for this one job. */
function overrides(
  { override_settings: settings, override_settings_restore_afterwards: isForThisJob }: SdapiTxt2ImgRequest,
  catalogue: Catalogue,
  standing: StandingChoices,
): Partial<Txt2ImgRequest> {
  const given = Object.entries(settings ?? {}).filter(([, value]) => value !== null);
  if (given.length > 0 && isForThisJob === false) throw new FieldNotBuilt('override_settings_restore_afterwards', false);
  const { chosen, others } = takeChoices(Object.fromEntries(given), catalogue, standing);
  return Object.assign(
    requestedBy(chosen, catalogue),
    ...Object.entries(others).map(([name, value]) => override(name, value, catalogue)),
  ) as Partial<Txt2ImgRequest>;
}

function override(name: string, value: unknown, { checkpoints }: Catalogue): Partial<Txt2ImgRequest> {
  switch (name) {
    case 'sd_model_checkpoint':
      return { checkpoint: checkpointNamed(checkpoints, String(value)) };
    case 'randn_source':
      return { rng: (value === 'GPU' ? 'NV' : value) as Txt2ImgRequest['rng'] };
    default:
      if (Object.hasOwn(plainSettings, name)) return { [plainSettings[name]]: value };
      if (isFixedAt(name, value)) return {};
      throw new FieldNotBuilt(`override_settings.${name}`, value);
  }
}

import { pastedParameters, type PastedParameters } from '../../images/infotext/pasted-parameters.js';

/** Fields that A1111 fills from an infotext, and the names there. */
const texts: Readonly<Record<string, string>> = {
  prompt: 'Prompt',
  negative_prompt: 'Negative prompt',
  sampler_name: 'Sampler',
  scheduler: 'Schedule type',
  hr_upscaler: 'Hires upscaler',
  hr_checkpoint_name: 'Hires checkpoint',
  hr_sampler_name: 'Hires sampler',
  hr_scheduler: 'Hires schedule type',
  hr_prompt: 'Hires prompt',
  hr_negative_prompt: 'Hires negative prompt',
  refiner_checkpoint: 'Refiner',
};
const numbers: Readonly<Record<string, string>> = {
  steps: 'Steps',
  cfg_scale: 'CFG scale',
  distilled_cfg_scale: 'Distilled CFG Scale',
  width: 'Size-1',
  height: 'Size-2',
  seed: 'Seed',
  subseed: 'Variation seed',
  subseed_strength: 'Variation seed strength',
  seed_resize_from_w: 'Seed resize from-1',
  seed_resize_from_h: 'Seed resize from-2',
  denoising_strength: 'Denoising strength',
  hr_scale: 'Hires upscale',
  hr_second_pass_steps: 'Hires steps',
  hr_resize_x: 'Hires resize-1',
  hr_resize_y: 'Hires resize-2',
  hr_cfg: 'Hires CFG Scale',
  hr_distilled_cfg: 'Hires Distilled CFG Scale',
  refiner_switch_at: 'Refiner switch at',
  s_churn: 'Sigma churn',
  s_tmin: 'Sigma tmin',
  s_tmax: 'Sigma tmax',
  s_noise: 'Sigma noise',
};
/** Settings that it carries: they go among those of the one job. The checkpoint is not among them, as A1111 has it by default. */
const settings: Readonly<Record<string, string>> = {
  CLIP_stop_at_last_layers: 'Clip skip',
  eta_noise_seed_delta: 'ENSD',
  randn_source: 'RNG',
  s_min_uncond: 'NGMS',
  s_min_uncond_all: 'NGMS all steps',
  skip_early_cond: 'Skip Early CFG',
};

/** Values that stand for "as it is anyway". */
const sameAsEver: ReadonlySet<unknown> = new Set(['Automatic', 'Use same sampler', 'Use same scheduler', 'Use same checkpoint']);

/**
 * A request's body in which the fields that it does not have are filled from its `infotext`. What it has itself stands,
 * also at the default. Other bodies are handed on as they are, for the contract to judge.
 */
export function withInfotext(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('infotext' in body)) return body;
  const { infotext, ...given } = body as Record<string, unknown>;
  if (typeof infotext !== 'string' || infotext === '') return body;
  const pasted = pastedParameters(infotext);
  const overrides = { ...taken(settings, pasted, settingOf), ...(given.override_settings as object | null | undefined) };
  return {
    ...taken(texts, pasted, String),
    ...taken(numbers, pasted, Number),
    ...optional('eta', pasted.Eta ?? pasted['Eta DDIM']),
    ...(hasSecondPass(pasted) && { enable_hr: true }),
    ...body,
    override_settings: overrides,
  };
}

function taken(
  names: Readonly<Record<string, string>>,
  pasted: PastedParameters,
  as: (value: unknown) => unknown,
): Record<string, unknown> {
  const fields = Object.entries(names).filter(([, name]) => pasted[name] !== undefined && !sameAsEver.has(pasted[name]));
  return Object.fromEntries(fields.map(([field, name]) => [field, as(pasted[name])]));
}

function optional(field: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [field]: Number(value) };
}

/** Truth values and words stay, numbers become numbers. */
function settingOf(value: unknown): unknown {
  if (value === 'True' || value === 'False') return value === 'True';
  return Number.isFinite(Number(value)) ? Number(value) : value;
}

function hasSecondPass(pasted: PastedParameters): boolean {
  const isAsked = pasted['Hires upscale'] ?? pasted['Hires upscaler'] ?? Number(pasted['Hires resize-1']) > 0;
  return pasted['Denoising strength'] !== undefined && isAsked !== false;
}

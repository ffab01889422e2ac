import { describe, expect, test } from 'vitest';
import { parametersText } from '../../backend/src/images/generation-parameters.js';
import { pastedParameters, type PasteOptions } from '../../backend/src/images/infotext/pasted-parameters.js';
import { parseVersion, versionText } from '../../backend/src/images/infotext/program-version.js';
import { quoted, unquoted } from '../../backend/src/images/infotext/quote.js';
import { hasGolden, readJsonVerbatim } from '../support/goldens.js';

interface TheirOptions {
  infotext_skip_pasting?: string[];
  infotext_styles?: PasteOptions['styles'];
  auto_backcompat?: boolean;
  use_old_hires_fix_width_height?: boolean;
  sd_model_checkpoint?: string;
  forge_additional_modules?: string[];
}

interface ParseCase {
  text: string;
  options?: TheirOptions;
  styles?: Record<string, [string, string]>;
  skip_fields?: string[];
  result: Record<string, unknown>;
}

interface CreateCase {
  p: Record<string, unknown> & { extra_generation_params: Record<string, unknown> };
  python_str: Record<string, string>;
  options: Record<string, unknown>;
  all_prompts: string[];
  all_negative_prompts: string[];
  all_seeds: number[];
  all_subseeds: number[];
  call: { iteration: number; position_in_batch: number; use_main_prompt: boolean; index?: number };
  infotext: string;
  parsed_back: Record<string, unknown>;
}

interface Goldens {
  parse_environment: TheirOptions & { known_modules: string[] };
  create_environment: { program_version: string; sd_model_hash: string; sd_model_name: string };
  parse: ParseCase[];
  parse_with_options: ParseCase[];
  quote: { in: unknown; quote: unknown; unquote_of_quote: string | null }[];
  unquote: { in: string; unquote: string }[];
  parse_version: { in: string | null; parsed: string | null }[];
  create: CreateCase[];
}

const file = 'infotext/infotext.json';
if (!hasGolden(file)) test.skip(`no golden file ${file}`, () => {});
else {
  const goldens = readJsonVerbatim<Goldens>(file);
  const environment = goldens.parse_environment;
  const shown = (text: string) => JSON.stringify(text.slice(-60));

  const read = (text: string, theirs: TheirOptions = {}, styles: ParseCase['styles'] = {}, skipped?: string[]) => {
    const options = { ...environment, ...theirs };
    return pastedParameters(text, {
      skipped: skipped ?? options.infotext_skip_pasting,
      styles: options.infotext_styles,
      backwardCompatible: options.auto_backcompat,
      finalSize: options.use_old_hires_fix_width_height,
      checkpointTitle: options.sd_model_checkpoint,
      modules: options.forge_additional_modules,
      knownModules: environment.known_modules,
      knownStyles: Object.entries(styles).map(([name, [prompt, negativePrompt]]) => ({ name, prompt, negativePrompt })),
    });
  };

  describe('an infotext is read as Forge reads it', () => {
    const cases = [...goldens.parse, ...goldens.parse_with_options];
    test.each(cases.map((each, i) => [`${i}: ${shown(each.text)}`, each] as const))(
      '%s',
      (_, { text, options, styles, skip_fields, result }) => {
        expect(read(text, options, styles, skip_fields)).toEqual(result);
      },
    );
  });

  test('values are quoted and unquoted as there', () => {
    for (const { in: value, quote } of goldens.quote) expect(quoted(String(value))).toBe(String(quote));
    for (const { in: text, unquote } of goldens.unquote) expect(unquoted(text)).toBe(unquote);
  });

  test('versions are read as there', () => {
    for (const { in: text, parsed } of goldens.parse_version) {
      const version = text === null ? null : parseVersion(text);
      expect(version && versionText(version), String(text)).toBe(parsed);
    }
  });

  describe('an infotext is written as Forge writes it, and read back', () => {
    test.each(goldens.create.map((each, i) => [`${i}: ${shown(each.infotext)}`, each] as const))('%s', (_, each) => {
      const text = parametersText(theirParameters(each, goldens.create_environment));
      expect(text).toBe(each.infotext);
      expect(read(text)).toEqual(each.parsed_back);
    });
  });
}

/** Samplers to which ENSD means something. */
const drawingLater = new Set(['Euler a', 'DPM2 a', 'DPM++ 2S a', 'DPM fast', 'DPM adaptive']);

/** What Forge's `create_infotext` puts into the text, in its order. */
function theirParameters(each: CreateCase, environment: Goldens['create_environment']) {
  const { p, options, call } = each;
  const index = call.index ?? call.position_in_batch + call.iteration * (p.batch_size as number);
  const main = call.use_main_prompt;
  const is = (value: unknown) => value !== undefined && value !== null && value !== false && value !== 0;
  const python = (name: string) => each.python_str[name] ?? p[name];
  const isOn = (name: string) => (options[name] as boolean | undefined) ?? !name.includes('user_name');
  const clipSkip = Number(p.clip_skip ?? options.CLIP_stop_at_last_layers ?? 1);
  const rng = options.randn_source ?? 'CPU';
  const entries: Record<string, unknown> = {
    Steps: p.steps,
    Sampler: p.sampler_name,
    'Schedule type': p.scheduler,
    'CFG scale': python('cfg_scale'),
    'Distilled CFG Scale': is(p.use_distilled) ? python('distilled_cfg_scale') : null,
    'Image CFG scale': p.image_cfg_scale,
    Seed: each.all_seeds[main ? 0 : index],
    'Face restoration': is(p.restore_faces) ? 'CodeFormer' : null,
    Size: `${String(p.width)}x${String(p.height)}`,
    'Model hash': isOn('add_model_hash_to_info') ? environment.sd_model_hash : null,
    Model: isOn('add_model_name_to_info') ? environment.sd_model_name : null,
    'Variation seed': is(p.subseed_strength) ? each.all_subseeds[main ? 0 : index] : null,
    'Variation seed strength': is(p.subseed_strength) ? p.subseed_strength : null,
    'Seed resize from':
      is(p.seed_resize_from_w) && is(p.seed_resize_from_h) ? `${String(p.seed_resize_from_w)}x${String(p.seed_resize_from_h)}` : null,
    'Denoising strength': null, // which keeps its place when a script gives it
    'Conditional mask weight': is(p.is_using_inpainting_conditioning) ? python('inpainting_mask_weight') : null,
    'Clip skip': clipSkip > 1 ? clipSkip : null,
    ENSD: drawingLater.has(String(p.sampler_name)) && is(options.eta_noise_seed_delta) ? options.eta_noise_seed_delta : null,
    'Token merging ratio': p.tmr,
    'Token merging ratio hr': p.tmr_hr,
    'Init image hash': p.init_img_hash,
    RNG: rng === 'GPU' ? null : rng,
    Tiling: is(p.tiling) ? 'True' : null,
  };
  for (const [name, value] of Object.entries(p.extra_generation_params)) {
    entries[name] = Array.isArray(value) ? value[index] : (each.python_str[`extra:${name}`] ?? value);
  }
  Object.assign(entries, {
    Version: isOn('add_version_to_infotext') ? environment.program_version : null,
    User: isOn('add_user_name_to_info') ? p.user : null,
    'Diffusion in Low Bits': options.forge_unet_storage_dtype,
  });
  for (const [i, module] of ((options.forge_additional_modules as string[] | undefined) ?? []).entries()) {
    entries[`Module ${i + 1}`] = module
      .split('/')
      .at(-1)
      ?.replace(/\.[^.]*$/, '');
  }
  return {
    prompt: each.all_prompts[main ? 0 : index],
    negativePrompt: each.all_negative_prompts[main ? 0 : index],
    entries: Object.entries(entries).filter(([, value]) => value !== undefined && value !== null) as [string, string | number][],
  };
}

import { MAX_PROMPT_LENGTH } from '@atelier/sdk/contracts';
import { EmphasisNotANumber, parseEmphasis } from '../../prompt/emphasis.js';
import { extractStyles, type StyleTexts } from '../../prompt/extract-styles.js';
import { parseInfotext } from './parse-infotext.js';
import { isBefore, parseVersion, type ProgramVersion } from './program-version.js';

/** What A1111 makes of an infotext before it is pasted: by its names, with what is not written at its default filled in. */
export type PastedParameters = Record<string, string | number | boolean | readonly string[]>;

/** The settings of A1111 that steer pasting, in our names. */
export interface PasteOptions {
  /** Names that are left out (`infotext_skip_pasting`). */
  readonly skipped?: readonly string[];
  /** Whether styles are taken out of the prompts, and named (`infotext_styles`). */
  readonly styles?: 'Ignore' | 'Apply' | 'Apply if any' | 'Discard';
  readonly knownStyles?: readonly StyleTexts[];
  /** Whether what old versions did otherwise is asked for (`auto_backcompat`). */
  readonly backwardCompatible?: boolean;
  /** Whether the size is the final one, not that of the first pass (`use_old_hires_fix_width_height`). */
  readonly finalSize?: boolean;
  /** Title of the checkpoint in use: its name is not asked for again. */
  readonly checkpointTitle?: string;
  /** File names of the VAE and text encoders in use. */
  readonly modules?: readonly string[];
  /** File names of those there are, with endings. */
  readonly knownModules?: readonly string[];
}

/** What is meant where nothing is written. */
const unwritten: Readonly<PastedParameters> = {
  'Clip skip': '1',
  'Hires sampler': 'Use same sampler',
  'Hires schedule type': 'Use same scheduler',
  'Hires checkpoint': 'Use same checkpoint',
  'Hires prompt': '',
  'Hires negative prompt': '',
  'Mask mode': 'Inpaint masked',
  'Masked content': 'original',
  'Inpaint area': 'Whole picture',
  'Masked area padding': 32,
  RNG: 'GPU',
  'Schedule type': 'Automatic',
  'Schedule max sigma': 0,
  'Schedule min sigma': 0,
  'Schedule rho': 0,
  'VAE Encoder': 'Full',
  'VAE Decoder': 'Full',
  'FP8 weight': 'Disable',
  'Refiner switch by sampling steps': false,
};

/** Since then the prompts of the second pass are written with their styles. */
const stylesInHiresPrompts: ProgramVersion = { release: [1, 8, 0], pre: null, post: 139 };

/** Reads an infotext as Forge does when it is pasted or asked for over the API. */
export function pastedParameters(text: string, options: PasteOptions = {}): PastedParameters {
  const { entries, ...prompts } = parseInfotext(text);
  const result: PastedParameters = Object.fromEntries(entries);
  Object.assign(result, withoutStyles(prompts, result, options));
  if (result.Hypernet !== undefined) {
    result.Prompt = `${String(result.Prompt)}<hypernet:${String(result.Hypernet)}:${String(result['Hypernet strength'] ?? '1.0')}>`;
  }
  if (result['Hires resize-1'] === undefined) Object.assign(result, { 'Hires resize-1': 0, 'Hires resize-2': 0 });
  Object.assign(result, { ...unwritten, ...result }, sizesOfOldHires(result, options.finalSize ?? false));
  if (result['FP8 weight'] !== 'Disable') result['Cache FP16 weight for LoRA'] ??= false;
  if ([prompts.prompt, prompts.negativePrompt].some(usesEmphasis)) result.Emphasis ??= 'Original';
  if (options.backwardCompatible ?? true) Object.assign(result, behaviourOfVersion(result));
  for (const name of options.skipped ?? []) delete result[name];
  if (typeof result.Model === 'string' && options.checkpointTitle?.includes(result.Model)) delete result.Model;
  return withModules(result, options);
}

function withoutStyles(
  { prompt, negativePrompt }: { prompt: string; negativePrompt: string },
  written: PastedParameters,
  { styles = 'Apply if any', knownStyles = [] }: PasteOptions,
): PastedParameters {
  const asWritten = { Prompt: prompt, 'Negative prompt': negativePrompt };
  if (styles === 'Ignore') return asWritten;
  const bare = extractStyles(prompt, negativePrompt, knownStyles);
  const result: PastedParameters = {};
  if (mayHaveStylesInHires(written)) {
    const [hires, hiresNegative] = [written['Hires prompt'] ?? prompt, written['Hires negative prompt'] ?? negativePrompt].map(String);
    const hiresBare = extractStyles(hires, hiresNegative, knownStyles);
    if (hiresBare.names.join('\n') !== bare.names.join('\n')) return asWritten;
    result['Hires prompt'] = hiresBare.prompt === bare.prompt ? '' : hiresBare.prompt;
    result['Hires negative prompt'] = hiresBare.negativePrompt === bare.negativePrompt ? '' : hiresBare.negativePrompt;
  }
  if (styles === 'Apply' || (styles === 'Apply if any' && bare.names.length > 0)) result['Styles array'] = bare.names;
  return { ...result, Prompt: bare.prompt, 'Negative prompt': bare.negativePrompt };
}

function mayHaveStylesInHires(written: PastedParameters): boolean {
  if (written['Hires prompt'] === undefined && written['Hires negative prompt'] === undefined) return false;
  const version = versionOf(written);
  return version === null || isBefore(stylesInHiresPrompts, version);
}

/** Before there was a size of the second pass, `Size` was that of the result. */
function sizesOfOldHires(written: PastedParameters, finalSize: boolean): PastedParameters {
  const sideOf = (name: string, otherwise: number) => Number(written[name] ?? otherwise);
  const [hiresWidth, hiresHeight] = [sideOf('Hires resize-1', 0), sideOf('Hires resize-2', 0)];
  if (finalSize && hiresWidth > 0 && hiresHeight > 0) return { 'Size-1': hiresWidth, 'Size-2': hiresHeight };
  if (written['First pass size-1'] === undefined || written['First pass size-2'] === undefined) return {};
  const [width, height] = [sideOf('Size-1', 512), sideOf('Size-2', 512)];
  const [firstWidth, firstHeight] = [sideOf('First pass size-1', 0), sideOf('First pass size-2', 0)];
  const scale = Math.sqrt(512 ** 2 / (width * height));
  const hasFirst = firstWidth > 0 && firstHeight > 0;
  const chosen = (side: number) => Math.ceil((scale * side) / 64) * 64;
  return {
    'Size-1': hasFirst ? firstWidth : chosen(width),
    'Size-2': hasFirst ? firstHeight : chosen(height),
    'Hires resize-1': width,
    'Hires resize-2': height,
  };
}

/** What has to be switched on for the picture to come out as the version of then made it. */
function behaviourOfVersion(written: PastedParameters): PastedParameters {
  const version = versionOf(written);
  if (!version) return {};
  const isOlderThan = (release: number[], post: number | null = null) => isBefore(version, { release, pre: null, post });
  return {
    ...(isOlderThan([1, 6, 0]) && String(written.Prompt).includes('[') && { 'Old prompt editing timelines': true }),
    ...(isOlderThan([1, 6, 0]) && ['DDIM', 'PLMS'].includes(String(written.Sampler)) && { 'Pad conds v0': true }),
    ...(isOlderThan([1, 7, 0], 225) && { 'Downcast alphas_cumprod': true }),
    ...(isOlderThan([1, 8, 0]) && written.Refiner !== undefined && { 'Refiner switch by sampling steps': true }),
  };
}

function versionOf({ Version: version }: PastedParameters): ProgramVersion | null {
  return typeof version === 'string' ? parseVersion(version) : null;
}

/** `VAE`, and Forge's `Module 1`, `Module 2`, …, as one list of files, if it is not that in use. */
function withModules({ VAE: vae, ...written }: PastedParameters, { modules = [], knownModules = [] }: PasteOptions): PastedParameters {
  const fileOf = (name: string) => knownModules.find((file) => file.replace(/(?<=.)\.[^.]*$/, '') === name) ?? name;
  const listed = (prefix: string) =>
    Object.entries(written)
      .filter(([name]) => name.startsWith(prefix))
      .map(([, value]) => fileOf(String(value)));
  const asked = [...(vae === undefined ? [] : [String(vae)]), ...listed('Module ')];
  const inUse = modules.map((file) => file.split('/').at(-1) ?? file);
  const isOther = asked.length > 0 && [...asked].sort().join('\n') !== inUse.sort().join('\n');
  const hires = listed('Hires Module ');
  return {
    ...written,
    ...(isOther && { 'VAE/TE': asked }),
    'Hires VAE/TE': hires[0] === 'Built-in' ? [] : hires.length > 0 ? hires : ['Use same choices'],
  };
}

function usesEmphasis(prompt: string): boolean {
  try {
    // longer prompts are not taken, and brackets that a hostile file leaves open take long to count
    return parseEmphasis(prompt.slice(0, MAX_PROMPT_LENGTH)).some(({ text, weight }) => weight !== 1 && text !== 'BREAK');
  } catch (error) {
    if (error instanceof EmphasisNotANumber) return true; // a weight was written, if not one to be used
    throw error;
  }
}

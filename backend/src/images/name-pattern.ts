import { createHash } from 'node:crypto';
import { fileNamePart } from './file-name-part.js';
import { formatTime } from './format-time.js';

/** What a file name can tell of a picture. */
export interface PictureFacts {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Texts of the styles in it, by name. */
  readonly styles: ReadonlyMap<string, string>;
  /** Null for a picture that has none, like a grid. */
  readonly seed: number | null;
  /** Of all pictures of the job. */
  readonly seeds: readonly number[];
  readonly batchSize: number;
  readonly batchCount: number;
  /** Place in the job, from 0. */
  readonly index: number;
  readonly steps: number;
  /** As Python writes it: 7.0. */
  readonly cfgScale: string;
  readonly denoisingStrength: string | null;
  readonly width: number;
  readonly height: number;
  readonly clipSkip: number;
  readonly sampler: string;
  /** Never "Automatic" where the sampler has one of its own. */
  readonly scheduler: string;
  readonly modelName: string;
  readonly modelHash: string;
  /** File name of the VAE; null for the checkpoint's own. */
  readonly vae: string | null;
  readonly user: string | null;
  /** When the job began, and now. */
  readonly startedAt: Date;
  readonly now: Date;
  readonly timeZone?: string;
  /** 8-bit RGB, row by row. */
  readonly pixels: Uint8Array;
  /** What numbered files begin with, like "grid". */
  readonly basename: string;
  readonly isZip: boolean;
  readonly maxPromptWords: number;
}

/** It says nothing, and the text before it is left out too. */
const SKIP = Symbol('skip');
type Token = (facts: PictureFacts, ...args: string[]) => string | number | null | typeof SKIP;

const part = fileNamePart;

/** A1111's tokens. `null` leaves the token as it was written. */
const tokens: Readonly<Record<string, Token>> = {
  seed: ({ seed }) => seed ?? '',
  seed_first: ({ seed, seeds, batchSize }) => (batchSize === 1 ? seed : seeds[0]),
  seed_last: ({ seeds, batchSize }) => (batchSize === 1 ? SKIP : (seeds.at(-1) ?? null)),
  steps: ({ steps }) => steps,
  cfg: ({ cfgScale }) => cfgScale,
  width: ({ width }) => width,
  height: ({ height }) => height,
  styles: ({ styles }) => part([...styles.keys()].filter((name) => name !== 'None').join(', ') || 'None'),
  sampler: ({ sampler }) => part(sampler),
  scheduler: ({ scheduler }) => part(capitalised(scheduler)),
  sampler_scheduler: ({ sampler, scheduler }) => part(`${sampler} ${capitalised(scheduler)}`),
  model_hash: ({ modelHash }) => modelHash,
  model_name: ({ modelName }) => part(modelName),
  vae_filename: ({ vae }) => (vae === null ? 'NoneType' : (vae.split('.').find((piece) => piece !== '') ?? '')),
  date: ({ now, timeZone }) => formatTime(now, '%Y-%m-%d', timeZone),
  datetime: ({ now, timeZone }, format = '', zone = '') => part(formatTime(now, format, isKnownZone(zone) ? zone : timeZone)),
  job_timestamp: ({ startedAt, timeZone }) => formatTime(startedAt, '', timeZone),
  prompt_hash: ({ prompt }, length) => hashOf(prompt, length),
  negative_prompt_hash: ({ negativePrompt }, length) => hashOf(negativePrompt, length),
  full_prompt_hash: ({ prompt, negativePrompt }, length) => hashOf(`${prompt} ${negativePrompt}`, length),
  image_hash: ({ pixels }, length = '64') => hashOf(pixels, length),
  prompt: ({ prompt }) => part(prompt, 'underscores'),
  prompt_no_styles: ({ prompt, styles }) => part(withoutStyles(prompt, [...styles.values()])),
  prompt_spaces: ({ prompt }) => part(prompt),
  prompt_words: ({ prompt, maxPromptWords }) => part(wordsOf(prompt, maxPromptWords)),
  batch_number: ({ batchSize, index, isZip }) => (batchSize === 1 || isZip ? SKIP : (index % batchSize) + 1),
  batch_size: ({ batchSize }) => batchSize,
  generation_number: ({ batchSize, batchCount, index, isZip }) => (batchSize * batchCount === 1 || isZip ? SKIP : index + 1),
  hasprompt: ({ prompt }, ...wanted) => part(found(prompt.toLowerCase(), wanted), 'underscores'),
  clip_skip: ({ clipSkip }) => clipSkip,
  denoising: ({ denoisingStrength }) => denoisingStrength ?? SKIP,
  user: ({ user }) => user,
  basename: ({ basename }) => basename || 'img',
  none: () => '',
};

/** Tokens that take something in `<…>`, and how often. Others are left as they are when they get something. */
const takes: Readonly<Record<string, number>> = {
  datetime: 2,
  prompt_hash: 1,
  negative_prompt_hash: 1,
  full_prompt_hash: 1,
  image_hash: 1,
  hasprompt: Infinity,
};

/** Fills in a pattern such as `[seed]-[prompt_words]`. Tokens that do not exist stay as they are. */
export function fillPattern(pattern: string, facts: PictureFacts): string {
  let filled = '';
  for (const [, text, token] of pattern.matchAll(/([^[]*(?:\[(?![^[\]]+\])[^[]*)*)(?:\[([^[\]]+)\]|$)/g)) {
    if (token === undefined) filled += text;
    else {
      const [name, ...args] = withArguments(token);
      const key = name.toLowerCase();
      const value = Object.hasOwn(tokens, key) && args.length <= (takes[key] ?? 0) ? tokens[key](facts, ...args) : null;
      if (value !== SKIP) filled += text + (value ?? `[${name}]`);
    }
  }
  return filled;
}

/** `datetime<%Y><UTC>` is the name and what stands in each pair of brackets. */
function withArguments(token: string): string[] {
  const written = /^(.*?)((?:<[^>]*>)*)$/s.exec(token);
  return [written?.[1] ?? token, ...[...(written?.[2] ?? '').matchAll(/<([^>]*)>/g)].map(([, argument]) => argument)];
}

function hashOf(content: string | Uint8Array, length = ''): string {
  return createHash('sha256')
    .update(content)
    .digest('hex')
    .slice(0, length === '' ? 8 : Number(length));
}

function wordsOf(prompt: string, most: number): string {
  // A1111 forgot the backslash among the signs
  const words = prompt.split(/[\s!"#$%&'()*+,\-./:;<=>?@[\]^_`{|}~]+/).filter((word) => word !== '');
  return words.length === 0 ? 'empty' : words.slice(0, most).join(' ');
}

/** Each wanted word that is in the prompt, else what stands behind its bar. */
function found(prompt: string, wanted: readonly string[]): string {
  return wanted
    .map((each) => {
      const [word, otherwise = ''] = each.split('|');
      return each !== '' && prompt.includes(word.toLowerCase()) ? word.toLowerCase() : otherwise;
    })
    .join('');
}

function withoutStyles(prompt: string, styles: readonly string[]): string {
  let rest = prompt;
  for (const style of styles.filter((text) => text !== '')) {
    for (const piece of style.split('{prompt}').filter((text) => text !== '')) {
      rest = withoutCommas(rest.replaceAll(piece, '').replaceAll(', ,', ',').trim());
    }
    rest = withoutCommas(rest.replaceAll(style, '').trim()).trim();
  }
  return rest;
}

function withoutCommas(text: string): string {
  return text.replace(/^,+/, '').replace(/,+$/, '');
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase();
}

function isKnownZone(zone: string): boolean {
  return zone !== '' && (Intl.supportedValuesOf('timeZone').includes(zone) || zone === 'UTC');
}

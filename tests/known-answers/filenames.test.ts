import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { fileNamePart } from '../../backend/src/images/file-name-part.js';
import { fillPattern, type PictureFacts } from '../../backend/src/images/name-pattern.js';
import { pictureName } from '../../backend/src/images/picture-name.js';
import { nextNumber, savePicture } from '../../backend/src/images/save-picture.js';
import { hasGolden, readJsonVerbatim } from '../support/goldens.js';

interface Job {
  batch_size: number;
  n_iter: number;
  iteration: number;
  batch_index: number;
  steps: number;
  sampler_name: string;
  scheduler: string;
  styles: string[];
  negative_prompt: string;
  all_seeds: number[];
  user: string;
  sd_model_hash: string;
}
interface PatternCase {
  pattern: string;
  cfg_scale_python_str: string;
  denoising_strength_python_str: string;
  prompt: string;
  seed: number | null;
  zip: boolean;
  basename: string;
  p_overrides: Partial<Job>;
  result: string;
}
interface Goldens {
  environment: {
    now: string;
    local_timezone: string;
    image_size: [number, number];
    image_rgb_fill: number[];
    directories_max_prompt_words: number;
    clip_skip_option: number;
    model_name_for_extra: string;
    vae_file: string;
    styles_db: Record<string, [string, string]>;
    p_defaults: Job;
  };
  patterns: PatternCase[];
  sanitize: { in: string | null; replace_spaces: boolean; out: string | null }[];
  save_image_names: {
    options: {
      samples_filename_pattern?: string;
      save_images_add_number?: boolean;
      save_to_dirs?: boolean;
      directories_filename_pattern?: string;
    };
    args: { suffix?: string; short_filename?: boolean; basename?: string; grid?: boolean; no_prompt?: boolean; extension?: string };
    saved_names_two_calls: string[];
  }[];
  next_sequence_number: { files: string[]; basename: string; next: number }[];
}

/** Schedule types that samplers of Forge have of their own. */
const ownScheduler: Readonly<Record<string, string>> = { 'DPM++ 2M': 'Karras' };

const file = 'infotext/filenames.json';
if (!hasGolden(file)) test.skip(`no golden file ${file}`, () => {});
else {
  const goldens = readJsonVerbatim<Goldens>(file);
  const { environment } = goldens;

  const patternless = { ...goldens.patterns[0], p_overrides: {}, zip: false };
  const factsOf = (each: PatternCase): PictureFacts => {
    const job = { ...environment.p_defaults, ...each.p_overrides };
    const [width, height] = environment.image_size;
    const now = new Date(`${environment.now.slice(0, 23)}Z`);
    return {
      prompt: each.prompt,
      negativePrompt: job.negative_prompt,
      styles: new Map(job.styles.map((name) => [name, environment.styles_db[name]?.[0] ?? ''])),
      seed: each.seed,
      seeds: job.all_seeds,
      batchSize: job.batch_size,
      batchCount: job.n_iter,
      index: job.iteration * job.batch_size + job.batch_index,
      steps: job.steps,
      cfgScale: each.cfg_scale_python_str,
      denoisingStrength: ['None', '0', '0.0'].includes(each.denoising_strength_python_str) ? null : each.denoising_strength_python_str,
      width,
      height,
      clipSkip: environment.clip_skip_option,
      sampler: job.sampler_name,
      scheduler: job.scheduler === 'Automatic' ? (ownScheduler[job.sampler_name] ?? 'Automatic') : job.scheduler,
      modelName: environment.model_name_for_extra,
      modelHash: job.sd_model_hash,
      vae: environment.vae_file,
      user: job.user,
      startedAt: now,
      now,
      timeZone: environment.local_timezone,
      pixels: Uint8Array.from({ length: width * height * 3 }, (_, i) => environment.image_rgb_fill[i % 3]),
      basename: each.basename,
      isZip: each.zip,
      maxPromptWords: environment.directories_max_prompt_words,
    };
  };

  describe('patterns are filled in as Forge fills them in', () => {
    test.each(goldens.patterns.map((each, i) => [`${i}: ${each.pattern}`, each] as const))('%s', (_, each) => {
      // the clock here has milliseconds, that of Python microseconds
      const expected = each.pattern.includes('%f') ? each.result.replace(/\d{3}$/, '000') : each.result;
      expect(fillPattern(each.pattern, factsOf(each))).toBe(expected);
    });
  });

  test('parts of names are cleaned as there', () => {
    for (const { in: text, replace_spaces: replaces, out } of goldens.sanitize) {
      if (text !== null) expect(fileNamePart(text, replaces ? 'underscores' : 'kept')).toBe(out);
    }
  });

  test('numbers go on as there', async () => {
    for (const { files, basename, next } of goldens.next_sequence_number) {
      const folder = await mkdtemp(path.join(tmpdir(), 'atelier-numbers-'));
      for (const name of files) await writeFile(path.join(folder, name), '');
      expect(await nextNumber(folder, basename), files.join()).toBe(next);
    }
  });

  test.each(goldens.save_image_names.map((each) => [JSON.stringify([each.options, each.args]), each] as const))(
    'names of files: %s',
    async (_, each) => {
      const { options, args } = each;
      const outputs = await mkdtemp(path.join(tmpdir(), 'atelier-names-'));
      const inFolders = options.save_to_dirs ?? true;
      const picture = { ...patternless, prompt: 'a cat, blue', seed: 7, basename: args.basename ?? '' };
      const folder = options.directories_filename_pattern ?? '[date]';
      // A1111 looks at the setting for the usual name, and at what is saved for the folder
      const usual = inFolders ? '[seed]' : '[seed]-[prompt_spaces]';
      const isInFolder = args.grid === true || (inFolders && args.no_prompt !== true);
      const name = pictureName(factsOf(picture), { fileName: options.samples_filename_pattern || usual, inFolders: isInFolder, folder });
      const title = args.short_filename ? name.replace(/[^/]*$/, '') : name + (args.suffix ?? '');
      const save = () =>
        savePicture(outputs, title === '' ? './' : title, args.extension ?? 'png', Buffer.from('x'), {
          isNumbered: options.save_images_add_number ?? true,
          basename: args.basename,
        });
      expect([await save(), await save()]).toEqual(each.saved_names_two_calls);
    },
  );
}

import { randomInt } from 'node:crypto';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { AppError, fail, ReportedError } from '@atelier/sdk';
import { Settings, Txt2ImgRequest, type FromEngine } from '@atelier/sdk/contracts';
import type { Options } from '../command-line.js';
import { Engine } from './engine.js';
import { ProgressBar } from './progress-bar.js';

/** Everything in a request, as flags: `cfgScale` is `--cfg-scale`. The prompt itself needs none. */
const fieldOfFlag = new Map(
  Object.keys(Txt2ImgRequest.shape)
    .filter((field) => field !== 'prompt')
    .map((field) => [field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), field]),
);

/** Something on the command line of `generate` cannot be understood. */
class GenerateArgumentInvalid extends AppError {
  readonly code = 'argument-invalid';
  constructor(message: string, options?: { cause: unknown }) {
    super(message, usage(), options);
  }
}

function usage(): string {
  const flags = [...fieldOfFlag.keys()].map((flag) => `[--${flag} …]`).join(' ');
  return `Usage: npm run generate -- "a prompt" [--out picture.png] ${flags}`;
}

/** There is not exactly one checkpoint, and none was named. */
class CheckpointNotNamed extends AppError {
  readonly code = 'checkpoint-not-chosen';
  constructor(names: readonly string[]) {
    super(
      names.length === 0 ? 'There is no checkpoint that can be used.' : 'There are several checkpoints and none was named.',
      names.length === 0 ? 'Put a .safetensors file into models/checkpoints.' : `Add --checkpoint with one of: ${names.join(', ')}.`,
    );
  }
}

type Finished = Extract<FromEngine, { type: 'finished' }>;

/**
 * What `main.js generate` runs: makes pictures with the same engine as the server, without it. Progress goes to stderr,
 * the files' names to stdout.
 *
 * @param args what stands behind `generate` and is not an option of the program.
 */
export async function runGenerate(options: Options, args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(`${usage()}\nThe flags of the server that name folders work here too.\n`);
    return;
  }
  const { asked, out } = parseGenerateArguments(args);
  const bar = new ProgressBar(process.stderr);
  let end: (finished: Finished) => void;
  const ended = new Promise<Finished>((resolve) => (end = resolve));
  let checkpoints: string[] = [];
  const engine = await Engine.start({
    options,
    settings: Settings.parse({ livePreviews: false }),
    suspects: {},
    fileOf: out === undefined ? undefined : (index) => numbered(path.resolve(out), index, asked.batchCount * asked.batchSize),
    emit(message) {
      if (message.type === 'catalogue')
        checkpoints = message.catalogue.checkpoints.filter(({ problem }) => !problem).map(({ name }) => name);
      else if (message.type === 'progress') bar.show(message.progress);
      else if (message.type === 'warning') bar.say(`Warning: ${message.warning.message}`);
      else if (message.type === 'picture') {
        bar.clear();
        process.stdout.write(`${path.resolve(options.outputsDir, message.picture.file)}\n`);
      } else if (message.type === 'finished') end(message);
    },
  });
  process.once('SIGINT', () => engine.cancel('generate', 'cancel'));
  try {
    const checkpoint = asked.checkpoint ?? (checkpoints.length === 1 ? checkpoints[0] : fail(new CheckpointNotNamed(checkpoints)));
    await engine.run('generate', { ...asked, checkpoint });
    const { outcome, error } = await ended;
    bar.clear();
    if (error) throw new ReportedError(error);
    if (outcome === 'cancelled') process.exitCode = 130;
  } finally {
    await engine.stop('the pictures are made');
  }
}

function parseGenerateArguments(args: readonly string[]): { asked: Txt2ImgRequest; out: string | undefined } {
  const parsed = parse(args);
  const { out, ...flags } = parsed.values;
  if (parsed.positionals.length !== 1) {
    throw new GenerateArgumentInvalid(
      parsed.positionals.length === 0 ? 'The prompt is missing.' : 'There are several prompts; put quotes around yours.',
    );
  }
  const request = Object.fromEntries(Object.entries(flags).map(([flag, text]) => [fieldOfFlag.get(flag), valueOf(flag, text as string)]));
  const checked = Txt2ImgRequest.safeParse({ ...request, prompt: parsed.positionals[0] });
  if (!checked.success) {
    const [
      {
        path: [field],
        message,
      },
    ] = checked.error.issues;
    throw new GenerateArgumentInvalid(`--${[...fieldOfFlag].find(([, name]) => name === field)?.[0] ?? String(field)}: ${message}`);
  }
  const seed = checked.data.seed === -1 ? randomInt(2 ** 32) : checked.data.seed;
  return { asked: { ...checked.data, seed }, out };
}

function parse(args: readonly string[]): { values: { [flag: string]: string | undefined; out?: string }; positionals: string[] } {
  const options = Object.fromEntries([...fieldOfFlag.keys(), 'out'].map((flag) => [flag, { type: 'string' } as const]));
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (cause) {
    throw new GenerateArgumentInvalid((cause as Error).message, { cause });
  }
}

/** A flag's text as its field wants it: text as it stands, else an object of options, else a number. */
function valueOf(flag: string, text: string): unknown {
  const field = fieldOfFlag.get(flag) as keyof typeof Txt2ImgRequest.shape;
  if (Txt2ImgRequest.shape[field].safeParse(text).success) return text;
  if (field !== 'samplerOptions') return Number(text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GenerateArgumentInvalid(`--${flag}: is not JSON like {"eta": 0.5}.`, { cause });
  }
}

/** `picture.png` for one picture, `picture-1.png`, `picture-2.png` … for several. */
function numbered(file: string, index: number, count: number): string {
  if (count === 1) return file;
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}-${index + 1}${ext}`);
}

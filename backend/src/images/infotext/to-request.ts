import { findByName, Txt2ImgRequest, type Catalogue, type SamplerEntry } from '@atelier/sdk/contracts';
import { findCheckpoint, findModule, findVae } from './find-model.js';
import { findSampler } from './find-sampler.js';
import type { Infotext } from './parse-infotext.js';

/** A value of an infotext that the request could not take over. */
export interface NotApplied {
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

/** What an infotext comes to: fields of a request, and what was left over. */
export interface PastedRequest {
  readonly request: Partial<Txt2ImgRequest>;
  readonly notApplied: readonly NotApplied[];
}

type Field = keyof Txt2ImgRequest;

/** Values that are taken over as they stand, under A1111's names. */
const plainFields: Readonly<Record<string, Field>> = {
  Steps: 'steps',
  'CFG scale': 'cfgScale',
  'Distilled CFG Scale': 'distilledCfgScale',
  Seed: 'seed',
  'Size-1': 'width',
  'Size-2': 'height',
  'Variation seed': 'variationSeed',
  'Variation seed strength': 'variationStrength',
  'Seed resize from-1': 'seedResizeFromWidth',
  'Seed resize from-2': 'seedResizeFromHeight',
  'Clip skip': 'clipSkip',
  ENSD: 'noiseSeedDelta',
  NGMS: 'guidanceMinSigma',
  'NGMS all steps': 'guidanceMinSigmaForAll',
  'Skip Early CFG': 'skipEarlyGuidance',
  'CFG Rescale': 'cfgRescale',
  Precision: 'precision',
  'Schedule min sigma': 'scheduleMinSigma',
  'Schedule max sigma': 'scheduleMaxSigma',
  'Discard penultimate sigma': 'discardNextToLast',
  'Start step': 'startStep',
  'End step': 'endStep',
};

/** What a picture has where its text does not say otherwise. */
const unwritten = {
  scheduler: 'automatic',
  samplerOptions: {},
  schedulerOptions: {},
  scheduleMinSigma: 0,
  scheduleMaxSigma: 0,
  discardNextToLast: false,
  levels: [],
  startStep: 0,
  endStep: 0,
  variationSeed: -1,
  variationStrength: 0,
  seedResizeFromWidth: 0,
  seedResizeFromHeight: 0,
  clipSkip: 1,
  noiseSeedDelta: 0,
  guidanceMinSigma: 0,
  guidanceMinSigmaForAll: false,
  skipEarlyGuidance: 0,
  cfgRescale: 0,
  rng: 'NV',
} satisfies Partial<Txt2ImgRequest>;

/** Names that tell of a picture and steer nothing. */
const tellingOnly: ReadonlySet<string> = new Set(['Version', 'User', 'Model hash', 'VAE hash', 'Lora hashes', 'TI hashes', 'TI', 'Hashes']);

/** Names that we do not have, with the value at which they change nothing. */
const atRest: Readonly<Record<string, string>> = {
  Emphasis: 'Original',
  'VAE Encoder': 'Full',
  'VAE Decoder': 'Full',
  'FP8 weight': 'Disable',
  'Diffusion in Low Bits': 'Automatic',
  Tiling: 'False',
};

/**
 * The request that makes the picture of an infotext again, as far as this server can. Fields that the text does not
 * settle (how many pictures, where it has no parameters everything but the prompts) are left out.
 */
export function requestOf(infotext: Infotext, catalogue: Catalogue): PastedRequest {
  const { prompt, negativePrompt, entries } = infotext;
  const pasting = new Pasting();
  pasting.set('prompt', prompt, 'Prompt');
  pasting.set('negativePrompt', negativePrompt, 'Negative prompt');
  if (entries.size === 0) return pasting;

  Object.assign(pasting.request, unwritten);
  const rest = new Map(entries);
  takeModel(rest, catalogue, pasting);
  takeParts(rest, catalogue, pasting);
  takeSampler(rest, catalogue, pasting);
  take(rest, 'RNG', (value) => pasting.set('rng', value === 'GPU' ? 'NV' : value, 'RNG'));
  take(rest, 'Noise levels', (value) => pasting.set('levels', value.split(' ').map(Number), 'Noise levels', value));
  // tiles change the picture a little at their seams, so what was made in tiles is made in tiles again
  if (rest.delete('VAE tile-1') && rest.delete('VAE tile-2') && rest.delete('VAE tile overlap')) pasting.request.tiledVae = 'always';
  for (const [name, value] of rest) {
    const field = plainFields[name];
    if (field) pasting.set(field, field === 'precision' ? value : scalar(value), name, value);
    else if (!tellingOnly.has(name) && atRest[name] !== value) pasting.leave(name, value, 'Nothing here reads it.');
  }
  return pasting;
}

/** A request that grows, and what did not fit into it. */
class Pasting implements PastedRequest {
  readonly request: Partial<Txt2ImgRequest> = {};
  readonly notApplied: NotApplied[] = [];

  /** Takes the value over if the request's contract allows it. */
  set(field: Field, value: unknown, name: string, written = String(value)): void {
    const checked = Txt2ImgRequest.shape[field].safeParse(value);
    if (checked.success) Object.assign(this.request, { [field]: checked.data });
    else this.leave(name, written, checked.error.issues.map(({ message }) => message).join('; ') + '.');
  }

  leave(name: string, value: string, why: string): void {
    this.notApplied.push({ name, value, why });
  }
}

/** Hands on what is written under that name, if it is, so that nobody else reads it. */
function take(rest: Map<string, string>, name: string, use: (value: string) => void): void {
  const value = rest.get(name);
  rest.delete(name);
  if (value !== undefined) use(value);
}

function takeModel(rest: Map<string, string>, catalogue: Catalogue, pasting: Pasting): void {
  const hash = rest.get('Model hash');
  take(rest, 'Model', (name) => {
    const found = findCheckpoint(catalogue, name, hash);
    if ('why' in found) return pasting.leave('Model', name, found.why);
    pasting.request.checkpoint = found.entry.name;
    const { sha256 } = found.entry;
    if (hash !== undefined && sha256 !== null && !sha256.startsWith(hash.toLowerCase())) {
      pasting.leave('Model hash', hash, `The file that is called ${found.entry.name} here is another one.`);
    }
  });
}

/** A picture whose text names no VAE was made with the checkpoint's own. */
function takeParts(rest: Map<string, string>, catalogue: Catalogue, pasting: Pasting): void {
  const chosen = catalogue.checkpoints.find(({ name }) => name === pasting.request.checkpoint);
  const textEncoders: string[] = [];
  let vae = chosen?.parts.includes('vae') ? 'own' : 'auto';
  take(rest, 'VAE', (name) => {
    const found = findVae(catalogue, name);
    if ('why' in found) pasting.leave('VAE', name, found.why);
    else vae = found.entry.name;
  });
  for (const name of [...rest.keys()].filter((name) => /^Module \d+$/.test(name))) {
    take(rest, name, (value) => {
      const found = findModule(catalogue, value);
      if ('why' in found) pasting.leave(name, value, found.why);
      else if ('kinds' in found.entry) textEncoders.push(found.entry.name);
      else vae = found.entry.name;
    });
  }
  pasting.set('vae', vae, 'VAE');
  pasting.set('textEncoders', textEncoders, 'Module 1');
}

function takeSampler(rest: Map<string, string>, catalogue: Catalogue, pasting: Pasting): void {
  take(rest, 'Schedule type', (name) => {
    const scheduler = findByName(catalogue.schedulers, name);
    if (scheduler) pasting.request.scheduler = scheduler.id;
    else pasting.leave('Schedule type', name, 'There is no such schedule type here.');
  });
  take(rest, 'Sampler', (name) => {
    const found = findSampler(catalogue, name);
    if (!found) return pasting.leave('Sampler', name, 'There is no such sampler here.');
    pasting.request.sampler = found.sampler.id;
    if (found.scheduler !== null) pasting.request.scheduler = found.scheduler;
    pasting.request.samplerOptions = takeOptions(rest, found.sampler);
  });
  const scheduler = catalogue.schedulers.find(({ id }) => id === pasting.request.scheduler);
  if (scheduler) pasting.request.schedulerOptions = takeOptions(rest, scheduler);
}

/** The options of a sampler or a schedule, under the names that they declare for infotexts. */
function takeOptions(rest: Map<string, string>, { options: { properties = {} } }: Pick<SamplerEntry, 'options'>): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(properties as Record<string, { type?: string; infotext?: string }>)) {
    take(rest, schema.infotext ?? name, (value) => {
      options[name] = schema.type === 'string' ? value : scalar(value);
    });
  }
  return options;
}

/** A number or a truth value where the text is one; Python writes True and False. */
function scalar(text: string): unknown {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

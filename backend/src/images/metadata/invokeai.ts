import type { Infotext } from '../infotext/parse-infotext.js';
import { entriesOf, jsonObject, objectOf, textOf, type Json } from './json-value.js';

/** InvokeAI keeps JSON under `invokeai_metadata` (since version 3) or `sd-metadata` (before). Its noise is made as on a CPU. */
export function readInvokeAi(text: ReadonlyMap<string, string>): Infotext | undefined {
  const current = jsonObject(text.get('invokeai_metadata'));
  if (current) return readCurrent(current);
  const older = jsonObject(text.get('sd-metadata'));
  return older && readOlder(older);
}

function readCurrent(given: Record<string, Json>): Infotext {
  const model = objectOf(given.model);
  const vae = objectOf(given.vae);
  const skipped = typeof given.clip_skip === 'number' ? given.clip_skip + 1 : undefined; // they count from 0
  return {
    prompt: textOf(given.positive_prompt) ?? '',
    negativePrompt: textOf(given.negative_prompt) ?? '',
    entries: entriesOf({
      Steps: given.steps,
      ...samplerOf(textOf(given.scheduler)),
      'CFG scale': given.cfg_scale,
      'Distilled CFG Scale': given.guidance,
      Seed: given.seed,
      'Size-1': given.width,
      'Size-2': given.height,
      Model: model?.name ?? model?.model_name,
      VAE: vae?.name ?? vae?.model_name,
      'Clip skip': skipped,
      'CFG Rescale': given.cfg_rescale_multiplier,
      RNG: given.rand_device === 'cuda' ? 'GPU' : 'CPU',
    }),
  };
}

function readOlder(given: Record<string, Json>): Infotext | undefined {
  const image = objectOf(given.image);
  if (!image) return undefined;
  const [first] = Array.isArray(image.prompt) ? image.prompt : [image.prompt];
  // what stands in brackets is the negative prompt
  const written = textOf(objectOf(first)?.prompt ?? first) ?? '';
  const negative = [...written.matchAll(/\[([^[\]]*)\]/g)].map(([, words]) => words.trim());
  return {
    prompt: written.replaceAll(/\[[^[\]]*\]/g, '').trim(),
    negativePrompt: negative.join(' '),
    entries: entriesOf({
      Steps: image.steps,
      Sampler: image.sampler,
      'CFG scale': image.cfg_scale,
      Seed: image.seed,
      'Size-1': image.width,
      'Size-2': image.height,
      Model: given.model_weights,
      RNG: 'CPU',
    }),
  };
}

/** They name sampler and schedule type in one word: `dpmpp_2m_k`, `euler_a`. */
function samplerOf(scheduler: string | undefined): Record<string, string> {
  if (scheduler === undefined) return {};
  const isKarras = scheduler.endsWith('_k');
  const sampler = isKarras ? scheduler.slice(0, -2) : scheduler;
  return {
    Sampler: `k_${sampler}`.replace(/^k_(ddim|ddpm|lcm|unipc|deis)$/, (_, name: string) => theirOwn[name]),
    ...(isKarras && { 'Schedule type': 'karras' }),
  };
}

const theirOwn: Readonly<Record<string, string>> = { ddim: 'DDIM', ddpm: 'DDPM', lcm: 'LCM', unipc: 'UniPC', deis: 'DEIS' };

import type { Infotext } from '../infotext/parse-infotext.js';
import { entriesOf, jsonObject, objectOf, textOf, type Json } from './json-value.js';

/** SwarmUI's names for what A1111 calls otherwise. */
const names: Readonly<Record<string, string>> = {
  steps: 'Steps',
  sampler: 'Sampler',
  scheduler: 'Schedule type',
  cfgscale: 'CFG scale',
  fluxguidancescale: 'Distilled CFG Scale',
  seed: 'Seed',
  width: 'Size-1',
  height: 'Size-2',
  model: 'Model',
  vae: 'VAE',
  variationseed: 'Variation seed',
  variationseedstrength: 'Variation seed strength',
};

/** SwarmUI: JSON with `sui_image_params`, where A1111 has its text. Its noise is ComfyUI's, made as on a CPU. */
export function readSwarmUi(parameters: string | undefined): Infotext | undefined {
  const given = objectOf(jsonObject(parameters)?.sui_image_params);
  if (!given) return undefined;
  const { prompt, negativeprompt: negativePrompt, clipstopatlayer: clipLayer, ...others } = given;
  const pairs = Object.entries(others).map(([name, value]): [string, Json] => [names[name] ?? name, value]);
  return {
    prompt: textOf(prompt) ?? '',
    negativePrompt: textOf(negativePrompt) ?? '',
    entries: entriesOf({
      ...Object.fromEntries(pairs),
      ...(typeof clipLayer === 'number' && { 'Clip skip': Math.abs(clipLayer) }),
      RNG: 'CPU',
    }),
  };
}

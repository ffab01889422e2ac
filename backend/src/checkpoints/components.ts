import type { Component, StoredTensor, StoredTensors, TextEncoderKind } from '@atelier/sdk';
import { modelLayouts, textEncoderLayouts, vaeLayouts, type Layout } from './layouts/index.js';
import type { Checkpoint } from './safetensors-header.js';
import { withFactors } from './scaled-weights.js';

/** The networks that a file holds, each under the names that graphs are written for. */
export interface Components {
  /** The diffusion model. */
  model?: Component;
  textEncoders: ReadonlyMap<TextEncoderKind, Component>;
  vae?: Component;
  /** What belongs to none of them: markers such as `v_pred`, and everything in a file that holds none. */
  markers: StoredTensors;
}

/** Where a network's tensors are in files that hold several: everything below one prefix. */
interface Place {
  prefix: string;
  part: 'model' | 'vae' | TextEncoderKind | 'open-clip';
}

/** `open-clip` is H or G, told by its depth. */
const places: readonly Place[] = [
  { prefix: 'model.diffusion_model.', part: 'model' },
  { prefix: 'first_stage_model.', part: 'vae' },
  { prefix: 'vae.', part: 'vae' },
  { prefix: 'cond_stage_model.transformer.', part: 'clip-l' },
  { prefix: 'cond_stage_model.model.', part: 'open-clip' },
  { prefix: 'conditioner.embedders.0.transformer.', part: 'clip-l' },
  { prefix: 'conditioner.embedders.0.model.', part: 'open-clip' },
  { prefix: 'conditioner.embedders.1.model.', part: 'clip-g' },
  { prefix: 'text_encoders.clip_l.transformer.', part: 'clip-l' },
  { prefix: 'text_encoders.clip_g.transformer.', part: 'clip-g' },
  { prefix: 'text_encoders.t5xxl.transformer.', part: 't5' },
];

/** Layers of the real H; a shallower one is told by where it lies. */
const CLIP_H_LAYERS = 24;

/** Takes a file apart. A file that holds one network alone has no prefixes; its names say which network it is. */
export function componentsOf({ file, tensors }: Checkpoint): Components {
  const parts = new Map<Place['part'], Map<string, StoredTensor>>();
  const loose = new Map<string, StoredTensor>();
  for (const [name, stored] of tensors) {
    const place = places.find(({ prefix }) => name.startsWith(prefix));
    if (!place) {
      loose.set(name, stored);
      continue;
    }
    const part = parts.get(place.part) ?? new Map<string, StoredTensor>();
    part.set(name.slice(place.prefix.length), stored);
    parts.set(place.part, part);
  }
  const refinerOrSd2 = parts.get('open-clip');
  if (refinerOrSd2) {
    parts.delete('open-clip');
    parts.set(openClipKind(refinerOrSd2, tensors), refinerOrSd2);
  }
  const bare = bareNetwork(loose);
  if (bare && !parts.has(bare)) {
    parts.set(bare, new Map(loose));
    loose.clear();
  }

  const component = (part: Place['part'], layouts: readonly Layout[]): Component | undefined => {
    const found = parts.get(part);
    return found && { file, tensors: inOurNames(found, layouts) };
  };
  const encoders = (['clip-l', 'clip-h', 'clip-g', 't5'] as const).flatMap((kind) => {
    const encoder = component(kind, textEncoderLayouts);
    return encoder ? [[kind, encoder] as const] : [];
  });
  return {
    model: component('model', modelLayouts),
    textEncoders: new Map(encoders),
    vae: component('vae', vaeLayouts),
    markers: loose,
  };
}

function openClipKind(encoder: StoredTensors, file: StoredTensors): TextEncoderKind {
  const layers = series(encoder, (i) => `transformer.resblocks.${i}.ln_1.weight`);
  if (layers >= CLIP_H_LAYERS) return layers === CLIP_H_LAYERS ? 'clip-h' : 'clip-g';
  return file.has('cond_stage_model.model.positional_embedding') ? 'clip-h' : 'clip-g';
}

/** Which network the names without any prefix are of. */
function bareNetwork(tensors: StoredTensors): Place['part'] | undefined {
  const has = (pattern: RegExp) => [...tensors.keys()].some((name) => pattern.test(name));
  if (has(/^(input_blocks|double_blocks|joint_blocks|down_blocks|transformer_blocks|single_transformer_blocks)\.0\./)) {
    return has(/^controlnet_/) ? undefined : 'model';
  }
  if (has(/^decoder\.conv_in\./)) return 'vae';
  if (has(/^encoder\.block\.0\.layer\.0\.SelfAttention\./)) return 't5';
  if (has(/^(text_model\.)?encoder\.layers\.0\.layer_norm1\./))
    return clipKind(series(tensors, (i) => `text_model.encoder.layers.${i}.layer_norm1.weight`));
  if (has(/^transformer\.resblocks\.0\./)) return clipKind(series(tensors, (i) => `transformer.resblocks.${i}.ln_1.weight`));
  return undefined;
}

/** CLIP-L has 12 layers, H 24 (of which 23 are used, and sometimes stored), G 32. */
function clipKind(layers: number): TextEncoderKind {
  if (layers > CLIP_H_LAYERS) return 'clip-g';
  return layers >= CLIP_H_LAYERS - 1 ? 'clip-h' : 'clip-l';
}

function inOurNames(tensors: StoredTensors, layouts: readonly Layout[]): StoredTensors {
  const layout = layouts.find(({ matches }) => matches(tensors));
  const scaled = withFactors(tensors);
  return layout ? layout.rename(scaled) : scaled;
}

function series(tensors: StoredTensors, nameOf: (index: number) => string): number {
  let index = 0;
  while (tensors.has(nameOf(index))) index++;
  return index;
}

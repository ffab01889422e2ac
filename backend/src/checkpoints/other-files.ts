import type { StoredTensors } from '@atelier/sdk';

/** A model file that is not a checkpoint: what it is, and where such files belong. */
export interface OtherFile {
  what: string;
  folder: string;
}

/** In order; the first pattern that some name of the file fits decides. */
// prettier-ignore
const kinds: readonly (OtherFile & { names: RegExp })[] = [
  { what: 'a LoRA', folder: 'models/loras', names: /\.lora_(up|down|A|B|mid)\.|\.hada_w1_a$|\.lokr_w[12](_a)?$|\.(oft|boft)_blocks$|lora_controlnet/ },
  { what: 'a ControlNet', folder: 'models/controlnet', names: /^control_model\.|^controlnet_(down_blocks|cond_embedding)\.|^input_hint_block\./ },
  { what: 'a VAE', folder: 'models/vae', names: /^(first_stage_model\.|vae\.)?decoder\.(conv_in|mid|mid_block)\.|^(encoder|decoder)\.layers\.0\./ },
  { what: 'a text encoder', folder: 'models/text_encoders', names: /(^|\.)text_model\.encoder\.layers\.|^encoder\.block\.\d+\.layer\.|^transformer\.resblocks\.\d+\./ },
  { what: 'an embedding', folder: 'models/embeddings', names: /^(emb_params|clip_[gl]|string_to_param.*)$/ },
];

/** What a file without a diffusion model is, as far as its names tell. */
export function otherFileOf(tensors: StoredTensors): OtherFile | undefined {
  const names = [...tensors.keys()];
  return kinds.find((kind) => names.some((name) => kind.names.test(name)));
}

/** Adapters have names that look like a network's; they are told first. */
export function isAdapter(tensors: StoredTensors): boolean {
  const other = otherFileOf(tensors);
  return other?.what === 'a LoRA' || other?.what === 'a ControlNet';
}

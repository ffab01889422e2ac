import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { diffusionModelPrefix } from '../../checkpoints/detect-family.js';
import type { Checkpoint } from '../../checkpoints/safetensors-header.js';

/** The UNet's plan. Lists go level by level from the full size down, and block by block within. */
export interface UnetConfig {
  prefix: string;
  inChannels: number;
  outChannels: number;
  modelChannels: number;
  /** Channels of each level, as a multiple of `modelChannels`. */
  channelMult: number[];
  /** Residual blocks of each level on the way down; there is one more on the way up. */
  resBlocks: number[];
  /** Transformer blocks after each residual block on the way down; 0 is no attention. */
  depths: number[];
  /** The same on the way up, in the order of the file (smallest size first). */
  outputDepths: number[];
  middleDepth: number;
  contextWidth: number;
  heads: number;
}

export interface ClipConfig {
  /** Up to and without `embeddings`. */
  prefix: string;
  layers: number;
  width: number;
  heads: number;
}

export interface VaeConfig {
  prefix: string;
  levels: number;
  /** Residual blocks of a level. */
  encoderBlocks: number;
  decoderBlocks: number;
}

/** What shapes do not tell. Given only for the tiny models of the known answers; real ones follow the rules below. */
export interface HeadOverrides {
  unetHeads?: number;
  clipHeads?: number;
}

/** Stable Diffusion 1 has 8 heads at every width; later UNets have heads of a fixed width instead. */
const UNET_HEADS = 8;
/** All published CLIP text encoders have heads of this width. */
const CLIP_HEAD_WIDTH = 64;

/** Reads the UNet's plan from names and shapes. */
export function unetConfig(checkpoint: Checkpoint, { unetHeads = UNET_HEADS }: HeadOverrides = {}): UnetConfig {
  const prefix = diffusionModelPrefix(checkpoint.tensors);
  const { shape, has, count } = view(checkpoint, prefix);
  const [modelChannels, inChannels] = shape('input_blocks.0.0.weight');
  const depthAt = (block: string) => count((i) => `${block}.1.transformer_blocks.${i}.norm1.weight`);

  const channelMult: number[] = [];
  const resBlocks: number[] = [0];
  const depths: number[] = [];
  for (let i = 1; ; i++) {
    const block = `input_blocks.${i}`;
    if (has(`${block}.0.in_layers.0.weight`)) {
      const level = resBlocks.length - 1;
      resBlocks[level]++;
      channelMult[level] = shape(`${block}.0.out_layers.3.weight`)[0] / modelChannels;
      depths.push(depthAt(block));
    } else if (has(`${block}.0.op.weight`)) {
      resBlocks.push(0); // a downsampling ends the level
    } else {
      break;
    }
  }
  const outputCount = count((block) => `output_blocks.${block}.0.in_layers.0.weight`);
  const expectedCount = resBlocks.reduce((sum, blocks) => sum + blocks + 1, 0);
  if (outputCount !== expectedCount) {
    throw new CheckpointIncomplete(
      checkpoint.file,
      `its UNet has ${outputCount} blocks on the way up; ${expectedCount} belong to the way down.`,
    );
  }
  return {
    prefix,
    inChannels,
    outChannels: shape('out.2.weight')[0],
    modelChannels,
    channelMult,
    resBlocks,
    depths,
    outputDepths: Array.from({ length: outputCount }, (_, i) => depthAt(`output_blocks.${i}`)),
    middleDepth: count((i) => `middle_block.1.transformer_blocks.${i}.norm1.weight`),
    contextWidth: shape('middle_block.1.transformer_blocks.0.attn2.to_k.weight')[1],
    heads: unetHeads,
  };
}

/** Reads the text encoder's plan. Some SD1 files lack the `text_model.` level in its names. */
export function clipConfig(checkpoint: Checkpoint, { clipHeads }: HeadOverrides = {}): ClipConfig {
  const encoder = 'cond_stage_model.transformer.';
  const prefix = checkpoint.tensors.has(`${encoder}embeddings.token_embedding.weight`) ? encoder : `${encoder}text_model.`;
  const { shape, count } = view(checkpoint, prefix);
  const [, width] = shape('embeddings.token_embedding.weight');
  return {
    prefix,
    layers: count((i) => `encoder.layers.${i}.layer_norm1.weight`),
    width,
    heads: clipHeads ?? width / CLIP_HEAD_WIDTH,
  };
}

/** Reads the VAE's plan, of a whole checkpoint or of a file that holds a VAE alone. */
export function vaeConfig(checkpoint: Checkpoint): VaeConfig {
  const inside = 'first_stage_model.';
  const prefix = checkpoint.tensors.has('decoder.conv_in.weight') ? '' : inside;
  const { count } = view(checkpoint, prefix);
  return {
    prefix,
    levels: count((level) => `decoder.up.${level}.block.0.norm1.weight`),
    encoderBlocks: count((block) => `encoder.down.0.block.${block}.norm1.weight`),
    decoderBlocks: count((block) => `decoder.up.0.block.${block}.norm1.weight`),
  };
}

/** Names and shapes below a prefix. */
function view({ file, tensors }: Checkpoint, prefix: string) {
  return {
    has: (name: string) => tensors.has(prefix + name),
    shape(name: string): readonly number[] {
      const found = tensors.get(prefix + name);
      if (!found) throw new CheckpointIncomplete(file, `it has no tensor "${prefix}${name}".`);
      return found.shape;
    },
    /** How many of a numbered series there are, from 0 without a gap. */
    count(nameOf: (index: number) => string): number {
      let index = 0;
      while (tensors.has(prefix + nameOf(index))) index++;
      return index;
    },
  };
}

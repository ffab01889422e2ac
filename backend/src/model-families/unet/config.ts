import { fail, type Component } from '@atelier/sdk';
import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { viewOf } from '../../checkpoints/weight-view.js';

/** The UNet's plan. Lists go level by level from the full size down, and block by block within. */
export interface UnetConfig {
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
  /** Transformer blocks in the middle; −1 is a single residual block there, −2 no middle at all (pruned models). */
  middleDepth: number;
  contextWidth: number;
  /** Width of the vector that is added to the time: size and pooled text (SDXL). */
  vectorWidth?: number;
  attention: AttentionHeads;
}

/** SD1 has 8 heads at every width; later UNets have heads of one width. */
export type AttentionHeads = { heads: number } | { headWidth: number };

const SD1_HEADS: AttentionHeads = { heads: 8 };
const LATER_HEADS: AttentionHeads = { headWidth: 64 };

/** How many heads attention of that width has. */
export function headsOf(attention: AttentionHeads, width: number): number {
  return 'heads' in attention ? attention.heads : width / attention.headWidth;
}

/**
 * Reads the UNet's plan from names and shapes.
 *
 * @param attention what shapes do not tell; given only for the tiny models of the known answers.
 */
export function unetConfig(model: Component, attention?: AttentionHeads): UnetConfig {
  const { has, shape: shapeOf, count } = viewOf(model);
  const shape = (name: string) => shapeOf(name) ?? fail(new CheckpointIncomplete(model.file, `its UNet has no tensor "${name}".`));
  const [modelChannels, inChannels] = shape('input_blocks.0.0.weight');
  const depthAt = (block: string) => count((i) => `${block}.1.transformer_blocks.${i}.norm1.weight`);

  const channelMult: number[] = [];
  const resBlocks: number[] = [0];
  const depths: number[] = [];
  let transformer: string | undefined;
  for (let i = 1; ; i++) {
    const block = `input_blocks.${i}`;
    if (has(`${block}.0.in_layers.0.weight`)) {
      const level = resBlocks.length - 1;
      resBlocks[level]++;
      channelMult[level] = shape(`${block}.0.out_layers.3.weight`)[0] / modelChannels;
      depths.push(depthAt(block));
      if (depths.at(-1)! > 0) transformer ??= `${block}.1`;
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
      model.file,
      `its UNet has ${outputCount} blocks on the way up; ${expectedCount} belong to the way down.`,
    );
  }
  if (transformer === undefined) throw new CheckpointIncomplete(model.file, 'its UNet reads no text.');
  return {
    inChannels,
    outChannels: shape('out.2.weight')[0],
    modelChannels,
    channelMult,
    resBlocks,
    depths,
    outputDepths: Array.from({ length: outputCount }, (_, i) => depthAt(`output_blocks.${i}`)),
    middleDepth: has('middle_block.1.proj_in.weight') ? depthAt('middle_block') : has('middle_block.0.in_layers.0.weight') ? -1 : -2,
    contextWidth: shape(`${transformer}.transformer_blocks.0.attn2.to_k.weight`)[1],
    vectorWidth: shapeOf('label_emb.0.0.weight')?.[1],
    attention: attention ?? (shape(`${transformer}.proj_in.weight`).length === 4 ? SD1_HEADS : LATER_HEADS),
  };
}

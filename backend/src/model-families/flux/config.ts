import { fail, type Component, type WeightView } from '@atelier/sdk';
import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { viewOf } from '../../checkpoints/weight-view.js';
import { PATCH } from '../blocks/patches.js';

/** Flux's plan. */
export interface FluxConfig {
  /** Of the latent and what lies beside it. */
  inChannels: number;
  outChannels: number;
  width: number;
  heads: number;
  /** Blocks in which text and picture have weights of their own, and those in which they share them. */
  doubleBlocks: number;
  singleBlocks: number;
  contextWidth: number;
  vectorWidth: number;
  /** It takes the strength of guidance as an input. */
  takesGuidance: boolean;
  /** How many numbers of a head turn with a token's index, row and column. */
  axes: RotaryAxes;
}

export type RotaryAxes = readonly [index: number, row: number, column: number];

/** [16, 56, 56] of the published models' 128. */
const axesOf = (headWidth: number): RotaryAxes => [headWidth / 8, (headWidth * 7) / 16, (headWidth * 7) / 16];

/** Channels that a Flux takes: 16 plain, 96 with a masked picture (Fill), 32 with a picture that controls it (Canny, Depth). */
export function fluxInputChannels({ shape }: WeightView): number {
  return (shape('img_in.weight')?.[1] ?? 0) / PATCH ** 2;
}

/**
 * Reads Flux's plan from names and shapes.
 *
 * @param axes what shapes do not tell; given only for the tiny models of the known answers.
 */
export function fluxConfig(model: Component, axes?: RotaryAxes): FluxConfig {
  const { has, shape: shapeOf, count } = viewOf(model);
  const shape = (name: string) => shapeOf(name) ?? fail(new CheckpointIncomplete(model.file, `it has no tensor "${name}".`));
  const [width] = shape('img_in.weight');
  const [headWidth] = shape('double_blocks.0.img_attn.norm.key_norm.scale');
  return {
    inChannels: shape('img_in.weight')[1] / PATCH ** 2,
    outChannels: shape('final_layer.linear.weight')[0] / PATCH ** 2,
    width,
    heads: width / headWidth,
    doubleBlocks: count((i) => `double_blocks.${i}.img_attn.qkv.weight`),
    singleBlocks: count((i) => `single_blocks.${i}.linear1.weight`),
    contextWidth: shape('txt_in.weight')[1],
    vectorWidth: shape('vector_in.in_layer.weight')[1],
    takesGuidance: has('guidance_in.in_layer.weight'),
    axes: axes ?? axesOf(headWidth),
  };
}

import { fail, type Component } from '@atelier/sdk';
import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { viewOf } from '../../checkpoints/weight-view.js';
import { PATCH } from '../blocks/patches.js';

/** The transformer's plan. */
export interface Sd3Config {
  channels: number;
  width: number;
  heads: number;
  blocks: number;
  contextWidth: number;
  vectorWidth: number;
  /** The side, in patches, of the square whose places are known. */
  placesSide: number;
}

/** Every published model has heads of this width. */
const HEAD_WIDTH = 64;

/** Reads the plan from shapes. */
export function sd3Config(model: Component): Sd3Config {
  const { shape: shapeOf, count } = viewOf(model);
  const shape = (name: string) => shapeOf(name) ?? fail(new CheckpointIncomplete(model.file, `it has no tensor "${name}".`));
  const [width] = shape('x_embedder.proj.weight');
  return {
    channels: shape('final_layer.linear.weight')[0] / PATCH ** 2,
    width,
    heads: width / HEAD_WIDTH,
    blocks: count((i) => `joint_blocks.${i}.x_block.attn.qkv.weight`),
    contextWidth: shape('context_embedder.weight')[1],
    vectorWidth: shape('y_embedder.mlp.0.weight')[1],
    placesSide: Math.round(Math.sqrt(shape('pos_embed')[1])),
  };
}

import type { Prediction } from '@atelier/sdk';
import type { Checkpoint } from '../checkpoints/safetensors-header.js';
import type { GraphSpec } from '../onnx/graph-builder.js';

/** The space in which a family denoises. The model's latent is `(vaeLatent − shift) · scale`. */
export interface LatentSpace {
  channels: number;
  /** Pixels of one side of a latent cell. */
  downscale: number;
  scale: number;
  shift: number;
  /** How the channels look, roughly: red, green and blue of each, in −1 … 1, and what is added to each colour. */
  preview: {
    factors: readonly (readonly [red: number, green: number, blue: number])[];
    bias: readonly [red: number, green: number, blue: number];
  };
}

/** How the graphs of a checkpoint are to be written. */
export interface GraphOptions {
  /** 1 reads the text encoder's last layer, 2 the one before it. */
  clipSkip: number;
}

/** The models of one checkpoint, ready to be opened. */
export interface ModelGraphs {
  /** `tokens` [batch, 77] → `hidden` [batch, 77, width]. */
  textEncoder: GraphSpec;
  /** `x`, `timesteps` [batch], `context` [batch, tokens, width] → `prediction`, shaped like `x`. */
  unet: GraphSpec;
  /** `latent` → `image` [batch, 3, height, width]. */
  vaeDecoder: GraphSpec;
  /** `image` → `mean`, `logvar`. */
  vaeEncoder: GraphSpec;
}

/** What is particular to a kind of diffusion model. */
export interface ModelFamily {
  /** As `detectFamily` names it. */
  id: string;
  label: string;
  prediction: Prediction;
  latent: LatentSpace;
  tokensPerChunk: number;
  /** Writes all graphs. Throws `CheckpointIncomplete` naming the first tensor that is missing. */
  graphs(checkpoint: Checkpoint, options: GraphOptions): ModelGraphs;
}

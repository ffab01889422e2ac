import type { Component } from '@atelier/sdk';
import type { GraphSpec } from '../../onnx/graph-builder.js';
import { autoencoderConfig, decoderGraph, encoderGraph } from './autoencoder.js';

/** One half of a VAE: from pixels, or to them. */
export interface VaeHalf {
  weights: Component;
  graph(): GraphSpec;
}

/** What turns latents into pixels and back. */
export interface Vae {
  /** Of the latent. */
  channels: number;
  /** Whose latents it speaks: its own, or the diffusion model's, which are scaled and shifted. */
  scale: 'own' | 'model';
  /** Input `latent` [batch, channels, height, width], output `image` [batch, 3, height · n, width · n] in −1 … 1. */
  decoder: VaeHalf;
  /** Input `image`, output `mean`: the latent. */
  encoder: VaeHalf;
}

/**
 * The VAE that a model was trained with.
 *
 * @throws CheckpointIncomplete when it has no decoder.
 */
export function fullVae(component: Component): Vae {
  const config = autoencoderConfig(component);
  return {
    channels: config.channels,
    scale: 'own',
    decoder: { weights: component, graph: () => decoderGraph(component, config) },
    encoder: { weights: component, graph: () => encoderGraph(component, config) },
  };
}

import { fail } from '@atelier/sdk';
import type { ModelFile } from '../../backend/src/checkpoints/model-file.js';
import { families, recognise } from '../../backend/src/model-families/families.js';
import { clipConfig, clipGraph } from '../../backend/src/model-families/text-encoders/clip.js';
import { autoencoderConfig, decoderGraph, encoderGraph } from '../../backend/src/model-families/vae/autoencoder.js';
import type { GraphSpec } from '../../backend/src/onnx/graph-builder.js';

/** The graphs of a whole Stable Diffusion 1 checkpoint. */
export function sd15Graphs(
  file: ModelFile,
  { clipSkip = 1 } = {},
): Record<'textEncoder' | 'unet' | 'vaeDecoder' | 'vaeEncoder', GraphSpec> {
  const { family, model } = recognise(file, families);
  const encoder = file.components.textEncoders.get('clip-l') ?? fail(new Error('It has no text encoder.'));
  const vae = file.components.vae ?? fail(new Error('It has no VAE.'));
  return {
    textEncoder: clipGraph(encoder, clipConfig(encoder, 'clip-l'), { layer: clipSkip, finalNorm: true, pooled: 'none' }),
    unet: family.graph(model, { arithmetic: 'float32', mostPieces: 1 }),
    vaeDecoder: decoderGraph(vae, autoencoderConfig(vae)),
    vaeEncoder: encoderGraph(vae, autoencoderConfig(vae)),
  };
}

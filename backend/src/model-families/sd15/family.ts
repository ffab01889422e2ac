import type { ModelFamily } from '../model-family.js';
import { clipConfig, unetConfig, vaeConfig } from './config.js';
import { textEncoderGraph, TOKENS_PER_CHUNK } from './text-encoder.js';
import { unetGraph } from './unet.js';
import { vaeDecoderGraph, vaeEncoderGraph } from './vae.js';

/** Stable Diffusion 1.x, of any width and depth. */
export const sd15: ModelFamily = {
  id: 'sd15',
  label: 'Stable Diffusion 1',
  prediction: 'eps',
  latent: {
    channels: 4,
    downscale: 8,
    scale: 0.18215,
    shift: 0,
    preview: {
      factors: [
        [0.3512, 0.2297, 0.3227],
        [0.325, 0.4974, 0.235],
        [-0.2829, 0.1762, 0.2721],
        [-0.212, -0.2616, -0.7177],
      ],
      bias: [0, 0, 0],
    },
  },
  tokensPerChunk: TOKENS_PER_CHUNK,
  graphs(checkpoint, { clipSkip }) {
    const vae = vaeConfig(checkpoint);
    return {
      textEncoder: textEncoderGraph(checkpoint, clipConfig(checkpoint), clipSkip),
      unet: unetGraph(checkpoint, unetConfig(checkpoint)),
      vaeDecoder: vaeDecoderGraph(checkpoint, vae),
      vaeEncoder: vaeEncoderGraph(checkpoint, vae),
    };
  },
};

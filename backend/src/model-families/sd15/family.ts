import type { ChannelsBeside, ModelFamily, WeightView } from '@atelier/sdk';
import { viewOf } from '../../checkpoints/weight-view.js';
import { recommendedByName } from '../distilled.js';
import { encodingOf, epsNoise, inputChannels, isUnet, noiseOfScheduler, projectionAxes, sdLatent } from '../model-family.js';
import { unetConfig } from '../unet/config.js';
import { unetGraph } from '../unet/unet.js';

/** Models that were trained on from the plain one with more channels. */
const besides: Readonly<Record<number, { label: string; beside?: ChannelsBeside }>> = {
  4: { label: 'Stable Diffusion 1' },
  8: { label: 'InstructPix2Pix', beside: { kind: 'edit', channels: 4 } },
  9: { label: 'Stable Diffusion 1 inpainting', beside: { kind: 'inpainting', channels: 5 } },
};

/** Stable Diffusion 1.x (Rombach et al. 2022), of any width and depth: plain, inpainting and InstructPix2Pix (Brooks et al. 2023). */
export const sd15: ModelFamily = {
  id: 'sd15',
  label: 'Stable Diffusion 1',
  signature: [
    isUnet,
    { says: 'projects into its transformers by 1×1 convolutions', holds: (model) => projectionAxes(model) === 4 },
    { says: `takes ${Object.keys(besides).join(', ')} channels`, holds: (model: WeightView) => inputChannels(model) in besides },
  ],
  async traits({ model, ...source }) {
    return {
      ...besides[inputChannels(viewOf(model))],
      noise: noiseOfScheduler({ model, ...source }) ?? epsNoise,
      latent: sdLatent,
      textEncoders: [{ kind: 'clip-l', layer: (clipSkip) => clipSkip, finalNorm: true, pooled: 'none', fill: 49407 }],
      takesGuidance: false,
      recommended: { width: 512, height: 512, ...recommendedByName(source) },
    };
  },
  graph: (model, options) => unetGraph(model, unetConfig(model), options),
  condition: (encoded) => ({ context: encodingOf(encoded, 'clip-l').hidden }),
};

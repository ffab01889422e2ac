import type { ModelFamily } from '@atelier/sdk';
import { downsamplings, encodingOf, epsNoise, hasLabel, isUnet } from '../model-family.js';
import { unetConfig } from '../unet/config.js';
import { unetGraph } from '../unet/unet.js';
import { sdxlLatent } from './family.js';
import { vectorOf } from './sizes.js';

/** How beautiful the picture should be found, of 10; and of what the negative prompt asks to avoid. */
const SCORE = { positive: 6, negative: 2.5 };

/** The refiner of SDXL: four levels, one text encoder, and told a score for beauty in place of the target size. */
export const sdxlRefiner: ModelFamily = {
  id: 'sdxl-refiner',
  label: 'SDXL refiner',
  signature: [
    isUnet,
    { says: 'is told sizes beside the text', holds: hasLabel },
    { says: 'has four levels', holds: (model) => downsamplings(model) === 3 },
    { says: 'has no transformers at full size', holds: ({ has }) => !has('input_blocks.1.1.norm.weight') },
  ],
  async traits() {
    return {
      label: 'SDXL refiner',
      noise: epsNoise,
      latent: sdxlLatent,
      textEncoders: [{ kind: 'clip-g', layer: (clipSkip) => Math.max(clipSkip, 2), finalNorm: false, pooled: 'projected', fill: 0 }],
      takesGuidance: false,
      recommended: { width: 1024, height: 1024 },
    };
  },
  graph: (model, options) => unetGraph(model, unetConfig(model), options),
  condition(encoded, { width, height, isNegative }) {
    const { hidden, pooled } = encodingOf(encoded, 'clip-g');
    const score = isNegative ? SCORE.negative : SCORE.positive;
    return { context: hidden, vector: vectorOf(pooled!, [height, width, 0, 0, score]) };
  },
};

import type { ChannelsBeside, ModelFamily, ModelSource, NoiseModel, Tensor, WeightView } from '@atelier/sdk';
import { viewOf } from '../../checkpoints/weight-view.js';
import { recommendedByName } from '../distilled.js';
import { encodingOf, epsNoise, hasLabel, inputChannels, isUnet, noiseOfScheduler, projectionAxes, sdLatent } from '../model-family.js';
import { unetConfig } from '../unet/config.js';
import { unetGraph } from '../unet/unet.js';

const besides: Readonly<Record<number, { label: string; beside?: ChannelsBeside }>> = {
  4: { label: 'Stable Diffusion 2' },
  9: { label: 'Stable Diffusion 2 inpainting', beside: { kind: 'inpainting', channels: 5 } },
};

/** The weight whose spread tells what the model was trained to answer. */
const TELLTALE = 'output_blocks.11.1.transformer_blocks.0.norm1.bias';
/** Models that answer v have more spread there, as all programs know from the published ones. */
const SPREAD_OF_V = 0.09;

/** Stable Diffusion 2.x: another text encoder, and for 768 pixels another answer. */
export const sd2: ModelFamily = {
  id: 'sd2',
  label: 'Stable Diffusion 2',
  signature: [
    isUnet,
    { says: 'projects into its transformers by linear layers', holds: (model) => projectionAxes(model) === 2 },
    { says: 'is told nothing beside text and time', holds: (model) => !hasLabel(model) },
    { says: `takes ${Object.keys(besides).join(' or ')} channels`, holds: (model: WeightView) => inputChannels(model) in besides },
  ],
  async traits(source) {
    const noise = noiseOfScheduler(source) ?? (await noiseOf(source));
    const side = noise.kind === 'discrete' && noise.prediction === 'v' ? 768 : 512;
    return {
      ...besides[inputChannels(viewOf(source.model))],
      noise,
      latent: sdLatent,
      textEncoders: [{ kind: 'clip-h', layer: (clipSkip) => Math.max(clipSkip, 2), finalNorm: true, pooled: 'none', fill: 0 }],
      takesGuidance: false,
      recommended: { width: side, height: side, ...recommendedByName(source) },
    };
  },
  graph: (model, options) => unetGraph(model, unetConfig(model), options),
  condition: (encoded) => ({ context: encodingOf(encoded, 'clip-h').hidden }),
};

/** Only plain models were trained to answer v. */
async function noiseOf({ model, read }: ModelSource): Promise<NoiseModel> {
  const telltale = model.tensors.get(TELLTALE);
  if (!telltale || inputChannels(viewOf(model)) !== 4) return epsNoise;
  return { kind: 'discrete', prediction: deviationOf(await read(telltale)) > SPREAD_OF_V ? 'v' : 'eps' };
}

function deviationOf(tensor: Tensor): number {
  const values = Array.from(tensor.data);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

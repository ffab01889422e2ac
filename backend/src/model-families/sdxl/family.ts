import {
  concat,
  tensor,
  type ChannelsBeside,
  type ConditionContext,
  type LatentSpace,
  type ModelFamily,
  type ModelSource,
  type NoiseModel,
  type Tensor,
  type WeightView,
} from '@atelier/sdk';
import { viewOf } from '../../checkpoints/weight-view.js';
import { recommendedByName } from '../distilled.js';
import {
  downsamplings,
  edmNoise,
  encodingOf,
  epsNoise,
  hasLabel,
  inputChannels,
  isUnet,
  noiseOfScheduler,
  projectionAxes,
} from '../model-family.js';
import { unetConfig } from '../unet/config.js';
import { unetGraph } from '../unet/unet.js';
import { vectorOf } from './sizes.js';

/** With the colours that ComfyUI measured. */
export const sdxlLatent: LatentSpace = {
  channels: 4,
  downscale: 8,
  scale: 0.13025,
  shift: 0,
  preview: {
    factors: [
      [0.3651, 0.4232, 0.4341],
      [-0.2533, -0.0042, 0.1068],
      [0.1076, 0.1111, -0.0362],
      [-0.3165, -0.2492, -0.2188],
    ],
    bias: [0.1084, -0.0175, -0.0011],
  },
  tinyAutoencoder: 'taesdxl',
};

/** Playground 2.5's: each channel by its own mean and deviation, then to a deviation of 0.5. */
const playgroundLatent: LatentSpace = {
  ...sdxlLatent,
  scale: [8.4927, 5.9022, 6.5498, 5.2299].map((deviation) => 0.5 / deviation),
  shift: [-1.6574, 1.886, -1.383, 2.5155],
};

const besides: Readonly<Record<number, { label: string; beside?: ChannelsBeside }>> = {
  4: { label: 'SDXL' },
  8: { label: 'SDXL InstructPix2Pix', beside: { kind: 'edit', channels: 4 } },
  9: { label: 'SDXL inpainting', beside: { kind: 'inpainting', channels: 5 } },
};

/** Stable Diffusion XL (Podell et al. 2023) and what was pruned from it: SSD-1B, Vega, KOALA. */
export const sdxl: ModelFamily = {
  id: 'sdxl',
  label: 'SDXL',
  signature: [
    isUnet,
    { says: 'is told sizes beside the text', holds: hasLabel },
    { says: 'projects into its transformers by linear layers', holds: (model) => projectionAxes(model) === 2 },
    { says: 'has three levels', holds: (model) => downsamplings(model) === 2 },
    { says: `takes ${Object.keys(besides).join(', ')} channels`, holds: (model: WeightView) => inputChannels(model) in besides },
  ],
  async traits(source) {
    const noise = await noiseOf(source);
    return {
      ...besides[inputChannels(viewOf(source.model))],
      noise,
      latent: noise.kind === 'edm' ? playgroundLatent : sdxlLatent,
      textEncoders: [
        { kind: 'clip-l', layer: (clipSkip) => Math.max(clipSkip, 2), finalNorm: false, pooled: 'none', fill: 49407 },
        { kind: 'clip-g', layer: (clipSkip) => Math.max(clipSkip, 2), finalNorm: false, pooled: 'projected', fill: 0 },
      ],
      takesGuidance: false,
      recommended: { width: 1024, height: 1024, ...recommendedByName(source) },
    };
  },
  graph: (model, options) => unetGraph(model, unetConfig(model), options),
  condition(encoded, context) {
    const l = encodingOf(encoded, 'clip-l');
    const g = encodingOf(encoded, 'clip-g');
    const { width, height } = context;
    return {
      context: zeroWhereUnsaid(concat([l.hidden, g.hidden], 2), context),
      vector: vectorOf(zeroWhereUnsaid(g.pooled!, context), [height, width, 0, 0, height, width]),
    };
  },
};

/** Marker tensors tell what fine-tunes were trained to answer, or the scheduler in a folder of diffusers. */
async function noiseOf(source: ModelSource): Promise<NoiseModel> {
  const { markers, read } = source;
  const value = async (name: string, otherwise: number) => {
    const stored = markers.get(name);
    return stored ? (await read(stored)).data[0] : otherwise;
  };
  if (markers.has('edm_mean') && markers.has('edm_std')) return edmNoise;
  if (markers.has('edm_vpred.sigma_max')) {
    return { kind: 'continuous-v', sigmaMin: await value('edm_vpred.sigma_min', 0.002), sigmaMax: await value('edm_vpred.sigma_max', 120) };
  }
  if (markers.has('v_pred')) return { kind: 'discrete', prediction: 'v', zeroTerminalSnr: markers.has('ztsnr'), anchors: 'sdxl' };
  const said = noiseOfScheduler(source) ?? epsNoise;
  return said.kind === 'discrete' ? { ...said, anchors: 'sdxl' } : said;
}

/** An empty negative prompt says nothing at all: zeros, as in the original program. */
function zeroWhereUnsaid({ shape, data }: Tensor, { isNegative, isEmpty }: ConditionContext): Tensor {
  const rowLength = data.length / shape[0];
  return tensor(shape, data.map((value, i) => (isNegative && isEmpty[Math.floor(i / rowLength)] ? 0 : value)) as Float32Array);
}

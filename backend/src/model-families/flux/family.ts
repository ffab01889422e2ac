import {
  fail,
  type ChannelsBeside,
  type Component,
  type LatentSpace,
  type ModelFamily,
  type Requirement,
  type WeightView,
} from '@atelier/sdk';
import { viewOf } from '../../checkpoints/weight-view.js';
import { fluxConfig, fluxInputChannels } from './config.js';
import { fluxGraph } from './flux.js';

/** With the colours that ComfyUI measured. */
export const fluxLatent: LatentSpace = {
  channels: 16,
  downscale: 8,
  scale: 0.3611,
  shift: 0.1159,
  preview: {
    factors: [
      [-0.0346, 0.0244, 0.0681],
      [0.0034, 0.021, 0.0687],
      [0.0275, -0.0668, -0.0433],
      [-0.0174, 0.016, 0.0617],
      [0.0859, 0.0721, 0.0329],
      [0.0004, 0.0383, 0.0115],
      [0.0405, 0.0861, 0.0915],
      [-0.0236, -0.0185, -0.0259],
      [-0.0245, 0.025, 0.118],
      [0.1008, 0.0755, -0.0421],
      [-0.0515, 0.0201, 0.0011],
      [0.0428, -0.0012, -0.0036],
      [0.0817, 0.0765, 0.0749],
      [-0.1264, -0.0522, -0.1103],
      [-0.028, -0.0881, -0.0499],
      [-0.1262, -0.0982, -0.0778],
    ],
    bias: [-0.0329, -0.0718, -0.0851],
  },
  tinyAutoencoder: 'taef1',
};

/** The logarithm of dev's shift for 1024² pixels, which other programs use at every size. */
const DEV_MU = 1.15;

/** What the models that were trained on from dev have beside the latent, by their channels. */
const besides: Readonly<Partial<Record<number, { label: string; beside: ChannelsBeside }>>> = {
  96: { label: 'Flux Fill', beside: { kind: 'inpainting', channels: 80 } },
  32: { label: 'Flux Canny or Depth', beside: { kind: 'control', channels: 16 } },
};

const channels = Object.keys(besides).concat(String(fluxLatent.channels));

const isFlux: readonly Requirement[] = [
  { says: 'has blocks with streams for text and picture', holds: ({ has }) => has('double_blocks.0.img_attn.norm.key_norm.scale') },
  { says: 'is told of the text as a whole', holds: ({ has }) => has('vector_in.in_layer.weight') },
  {
    says: `takes ${channels.join(', ')} channels`,
    holds: (model: WeightView) => channels.includes(String(fluxInputChannels(model))),
  },
];
const takesGuidance = 'guidance_in.in_layer.weight';

const flux: Pick<ModelFamily, 'graph' | 'condition'> = {
  graph: (model, options) => fluxGraph(model, fluxConfig(model), options),
  condition: (encoded) => ({
    context: (encoded.get('t5') ?? fail(new TypeError('Flux reads T5.'))).hidden,
    vector: encoded.get('clip-l')?.pooled ?? fail(new TypeError('Flux reads CLIP-L.')),
  }),
};

/** Of CLIP-L only the vector of the whole text is read, always from its last layer; clip skip acts on T5, as in ComfyUI. */
const shared = (model: Component) => ({
  latent: fluxLatent,
  textEncoders: [
    { kind: 'clip-l' as const, layer: () => 1, finalNorm: true, pooled: 'plain' as const, fill: 49407 },
    { kind: 't5' as const, layer: (clipSkip: number) => clipSkip, finalNorm: true, pooled: 'none' as const, fill: 0, leastTokens: 256 },
  ],
  ...besides[fluxInputChannels(viewOf(model))],
});

/** Flux dev, which was taught to guide itself, and what was trained on from it: Fill, Canny and Depth. */
export const fluxDev: ModelFamily = {
  id: 'flux-dev',
  label: 'Flux dev',
  signature: [...isFlux, { says: 'takes the strength of guidance', holds: ({ has }) => has(takesGuidance) }],
  async traits({ model }) {
    return {
      label: 'Flux dev',
      ...shared(model),
      noise: { kind: 'flow', shift: Math.exp(DEV_MU), multiplier: 1, levelCount: 10000 },
      takesGuidance: true,
      recommended: { width: 1024, height: 1024, steps: 20, cfgScale: 1, sampler: 'euler', scheduler: 'simple' },
    };
  },
  ...flux,
};

/** Flux schnell, which needs four steps and takes no guidance. */
export const fluxSchnell: ModelFamily = {
  id: 'flux-schnell',
  label: 'Flux schnell',
  signature: [...isFlux, { says: 'takes no strength of guidance', holds: ({ has }) => !has(takesGuidance) }],
  async traits({ model }) {
    return {
      label: 'Flux schnell',
      ...shared(model),
      noise: { kind: 'flow', shift: 1, multiplier: 1 },
      takesGuidance: false,
      recommended: { width: 1024, height: 1024, steps: 4, cfgScale: 1, sampler: 'euler', scheduler: 'simple' },
    };
  },
  ...flux,
};

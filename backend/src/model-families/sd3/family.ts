import { concat, zeros, type LatentSpace, type ModelFamily, type WeightView } from '@atelier/sdk';
import { encodingOf } from '../model-family.js';
import { mmditGraph } from './mmdit.js';

/** With the colours that ComfyUI measured. */
export const sd3Latent: LatentSpace = {
  channels: 16,
  downscale: 8,
  scale: 1.5305,
  shift: 0.0609,
  preview: {
    factors: [
      [-0.0922, -0.0175, 0.0749],
      [0.0311, 0.0633, 0.0954],
      [0.1994, 0.0927, 0.0458],
      [0.0856, 0.0339, 0.0902],
      [0.0587, 0.0272, -0.0496],
      [-0.0006, 0.1104, 0.0309],
      [0.0978, 0.0306, 0.0427],
      [-0.0042, 0.1038, 0.1358],
      [-0.0194, 0.002, 0.0669],
      [-0.0488, 0.013, -0.0268],
      [0.0922, 0.0988, 0.0951],
      [-0.0278, 0.0524, -0.0542],
      [0.0332, 0.0456, 0.0895],
      [-0.0069, -0.003, -0.081],
      [-0.0596, -0.0465, -0.0293],
      [-0.1448, -0.1463, -0.1189],
    ],
    bias: [0.2394, 0.2135, 0.1925],
  },
  tinyAutoencoder: 'taesd3',
};

/** What the network reads of each token: T5's width. */
const CONTEXT_WIDTH = 4096;

const channels = ({ shape }: WeightView): number => shape('x_embedder.proj.weight')?.[1] ?? 0;

/** Stable Diffusion 3 and 3.5, medium and large. */
export const sd3: ModelFamily = {
  id: 'sd3',
  label: 'Stable Diffusion 3',
  signature: [
    { says: 'has blocks that join text and picture', holds: ({ has }) => has('joint_blocks.0.context_block.attn.qkv.weight') },
    { says: 'knows the places of patches by a table', holds: ({ has }) => has('pos_embed') },
    { says: `takes ${sd3Latent.channels} channels`, holds: (model) => channels(model) === sd3Latent.channels },
  ],
  async traits({ model, stem }) {
    const isTurbo = /turbo/i.test(stem);
    const isLater = model.tensors.has('joint_blocks.0.x_block.attn.ln_q.weight');
    return {
      label: isLater ? 'Stable Diffusion 3.5' : 'Stable Diffusion 3',
      noise: { kind: 'flow', shift: 3, multiplier: 1000 },
      latent: sd3Latent,
      textEncoders: [
        { kind: 'clip-l', layer: (clipSkip) => Math.max(clipSkip, 2), finalNorm: false, pooled: 'plain', fill: 49407 },
        { kind: 'clip-g', layer: (clipSkip) => Math.max(clipSkip, 2), finalNorm: false, pooled: 'projected', fill: 0 },
        { kind: 't5', isOptional: true, layer: (clipSkip) => clipSkip, finalNorm: true, pooled: 'none', fill: 0, leastTokens: 77 },
      ],
      takesGuidance: false,
      recommended: {
        ...{ width: 1024, height: 1024, steps: 28, cfgScale: 4.5, sampler: 'dpmpp-2m', scheduler: 'sgm-uniform' },
        ...(isTurbo && { steps: 4, cfgScale: 1, sampler: 'euler', scheduler: 'simple' }),
      },
    };
  },
  graph: mmditGraph,
  condition(encoded) {
    const [l, g] = [encodingOf(encoded, 'clip-l'), encodingOf(encoded, 'clip-g')];
    const t5 = encoded.get('t5');
    const [texts, tokens, width] = l.hidden.shape;
    const missing = (t5?.hidden.shape[2] ?? CONTEXT_WIDTH) - width - g.hidden.shape[2];
    const clip = concat([l.hidden, g.hidden, zeros([texts, tokens, missing])], 2);
    return { context: t5 ? concat([clip, t5.hidden], 1) : clip, vector: concat([l.pooled!, g.pooled!], 1) };
  },
};

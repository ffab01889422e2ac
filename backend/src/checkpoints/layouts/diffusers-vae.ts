import type { StoredTensors } from '@atelier/sdk';
import { renamedByStems, type Layout } from './layout.js';
import { numbersIn } from './renaming.js';

/** Of encoder and decoder alike. The attention's layers have an older and a newer name. */
const inHalf: readonly (readonly [theirs: string, ours: string])[] = [
  ['conv_norm_out.', 'norm_out.'],
  ['mid_block.attentions.0.group_norm.', 'mid.attn_1.norm.'],
  ...['query', 'to_q'].map((name) => [`mid_block.attentions.0.${name}.`, 'mid.attn_1.q.'] as const),
  ...['key', 'to_k'].map((name) => [`mid_block.attentions.0.${name}.`, 'mid.attn_1.k.'] as const),
  ...['value', 'to_v'].map((name) => [`mid_block.attentions.0.${name}.`, 'mid.attn_1.v.'] as const),
  ...['proj_attn', 'to_out.0'].map((name) => [`mid_block.attentions.0.${name}.`, 'mid.attn_1.proj_out.'] as const),
  ...resBlock('mid_block.resnets.0', 'mid.block_1'),
  ...resBlock('mid_block.resnets.1', 'mid.block_2'),
];

/** The VAE as diffusers stores it. Its decoder counts the levels from the smallest size, ours from the largest; its attention is linear, ours a 1×1 convolution. */
export const diffusersVae: Layout = {
  matches: (tensors) => tensors.has('decoder.up_blocks.0.resnets.0.norm1.weight'),
  rename(tensors) {
    const halves = (['encoder.', 'decoder.'] as const).flatMap((half) => {
      const levels = half === 'encoder.' ? downwards(tensors) : upwards(tensors);
      return [...inHalf, ...levels].map(([theirs, ours]) => [half + theirs, half + ours] as const);
    });
    return renamedByStems(tensors, halves);
  },
};

type Stems = (readonly [theirs: string, ours: string])[];

function resBlock(theirs: string, ours: string): Stems {
  return [
    [`${theirs}.conv_shortcut.`, `${ours}.nin_shortcut.`],
    [`${theirs}.`, `${ours}.`],
  ];
}

function downwards(tensors: StoredTensors): Stems {
  return numbersIn(tensors, 'encoder.down_blocks').flatMap((level) => {
    const [theirs, ours] = [`down_blocks.${level}`, `down.${level}`];
    return [...resBlocks(tensors, 'encoder.', theirs, ours), [`${theirs}.downsamplers.0.conv.`, `${ours}.downsample.conv.`] as const];
  });
}

function upwards(tensors: StoredTensors): Stems {
  const levels = numbersIn(tensors, 'decoder.up_blocks');
  return levels.flatMap((level) => {
    const [theirs, ours] = [`up_blocks.${level}`, `up.${levels.length - 1 - level}`];
    return [...resBlocks(tensors, 'decoder.', theirs, ours), [`${theirs}.upsamplers.0.conv.`, `${ours}.upsample.conv.`] as const];
  });
}

function resBlocks(tensors: StoredTensors, half: string, theirs: string, ours: string): Stems {
  return numbersIn(tensors, `${half}${theirs}.resnets`).flatMap((i) => resBlock(`${theirs}.resnets.${i}`, `${ours}.block.${i}`));
}

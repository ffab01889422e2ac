import type { StoredTensors } from '@atelier/sdk';
import { renamedByStems, type Layout } from './layout.js';
import { numbersIn } from './renaming.js';

const outside: readonly (readonly [theirs: string, ours: string])[] = [
  ['conv_in.', 'input_blocks.0.0.'],
  ['time_embedding.linear_1.', 'time_embed.0.'],
  ['time_embedding.linear_2.', 'time_embed.2.'],
  ['add_embedding.linear_1.', 'label_emb.0.0.'],
  ['add_embedding.linear_2.', 'label_emb.0.2.'],
  ['class_embedding.linear_1.', 'label_emb.0.0.'],
  ['class_embedding.linear_2.', 'label_emb.0.2.'],
  ['conv_norm_out.', 'out.0.'],
  ['conv_out.', 'out.2.'],
];
const inResBlock: readonly (readonly [theirs: string, ours: string])[] = [
  ['norm1.', 'in_layers.0.'],
  ['conv1.', 'in_layers.2.'],
  ['time_emb_proj.', 'emb_layers.1.'],
  ['norm2.', 'out_layers.0.'],
  ['conv2.', 'out_layers.3.'],
  ['conv_shortcut.', 'skip_connection.'],
];

/** The UNet as diffusers stores it: by levels, of which each counts its blocks anew. Within transformers the names are ours. */
export const diffusersUnet: Layout = {
  matches: (tensors) => tensors.has('conv_in.weight') && tensors.has('down_blocks.0.resnets.0.conv1.weight'),
  rename: (tensors) => renamedByStems(tensors, [...outside, ...downwards(tensors), ...middle(tensors), ...upwards(tensors)]),
};

type Stems = (readonly [theirs: string, ours: string])[];

function resBlock(theirs: string, ours: string): Stems {
  return inResBlock.map(([from, to]) => [`${theirs}.${from}`, `${ours}.${to}`]);
}

/** Ours number the downsamplings as blocks of their own. */
function downwards(tensors: StoredTensors): Stems {
  const stems: Stems = [];
  let block = 1;
  for (const level of numbersIn(tensors, 'down_blocks')) {
    const from = `down_blocks.${level}`;
    for (const i of numbersIn(tensors, `${from}.resnets`)) {
      stems.push(...resBlock(`${from}.resnets.${i}`, `input_blocks.${block}.0`));
      stems.push([`${from}.attentions.${i}.`, `input_blocks.${block++}.1.`]);
    }
    if (tensors.has(`${from}.downsamplers.0.conv.weight`)) stems.push([`${from}.downsamplers.0.conv.`, `input_blocks.${block++}.0.op.`]);
  }
  return stems;
}

/** One residual block, or two around a transformer. */
function middle(tensors: StoredTensors): Stems {
  const blocks = numbersIn(tensors, 'mid_block.resnets').flatMap((i) => resBlock(`mid_block.resnets.${i}`, `middle_block.${2 * i}`));
  return [...blocks, ['mid_block.attentions.0.', 'middle_block.1.']];
}

/** Ours number the upsamplings within the last block of their level, behind its transformer if it has one. */
function upwards(tensors: StoredTensors): Stems {
  const stems: Stems = [];
  let block = 0;
  for (const level of numbersIn(tensors, 'up_blocks')) {
    const from = `up_blocks.${level}`;
    for (const i of numbersIn(tensors, `${from}.resnets`)) {
      stems.push(...resBlock(`${from}.resnets.${i}`, `output_blocks.${block}.0`));
      stems.push([`${from}.attentions.${i}.`, `output_blocks.${block++}.1.`]);
    }
    const place = numbersIn(tensors, `${from}.attentions`).length > 0 ? 2 : 1;
    stems.push([`${from}.upsamplers.0.conv.`, `output_blocks.${block - 1}.${place}.conv.`]);
  }
  return stems;
}

import type { StoredTensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { diffusersUnet } from '../../../../../backend/src/checkpoints/layouts/diffusers-unet.js';

const named = (...names: string[]) =>
  new Map(
    names.map((name): [string, StoredTensor] => [
      name,
      { name, file: '/models/unet.safetensors', type: 'F16', shape: [8, 8], offset: 0, length: 128 },
    ]),
  );
/** What diffusers calls each tensor, and we. */
const renamings = (...names: string[]) =>
  Object.fromEntries([...diffusersUnet.rename(named(...names))].map(([ours, { name }]) => [name, ours]));

test("SDXL's levels become numbered blocks: two without text, two transformers of depth 2, and on the way up the other way round", () => {
  expect(
    renamings(
      'conv_in.weight',
      'add_embedding.linear_1.weight',
      'add_embedding.linear_2.bias',
      ...[0, 1, 2].flatMap((level) => [0, 1].map((i) => `down_blocks.${level}.resnets.${i}.conv1.weight`)),
      ...[0, 1].map((level) => `down_blocks.${level}.downsamplers.0.conv.weight`),
      'down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_out.0.bias',
      'mid_block.resnets.0.norm1.weight',
      'mid_block.attentions.0.proj_in.weight',
      'mid_block.resnets.1.conv_shortcut.weight',
      ...[0, 1, 2].flatMap((level) => [0, 1, 2].map((i) => `up_blocks.${level}.resnets.${i}.time_emb_proj.bias`)),
      'up_blocks.0.attentions.2.norm.weight',
      'up_blocks.0.upsamplers.0.conv.weight',
      'up_blocks.1.attentions.0.norm.weight',
      'up_blocks.1.upsamplers.0.conv.weight',
      'conv_norm_out.weight',
      'conv_out.bias',
    ),
  ).toEqual({
    'conv_in.weight': 'input_blocks.0.0.weight',
    'add_embedding.linear_1.weight': 'label_emb.0.0.weight',
    'add_embedding.linear_2.bias': 'label_emb.0.2.bias',
    'down_blocks.0.resnets.0.conv1.weight': 'input_blocks.1.0.in_layers.2.weight',
    'down_blocks.0.resnets.1.conv1.weight': 'input_blocks.2.0.in_layers.2.weight',
    'down_blocks.0.downsamplers.0.conv.weight': 'input_blocks.3.0.op.weight',
    'down_blocks.1.resnets.0.conv1.weight': 'input_blocks.4.0.in_layers.2.weight',
    'down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_out.0.bias': 'input_blocks.4.1.transformer_blocks.1.attn1.to_out.0.bias',
    'down_blocks.1.resnets.1.conv1.weight': 'input_blocks.5.0.in_layers.2.weight',
    'down_blocks.1.downsamplers.0.conv.weight': 'input_blocks.6.0.op.weight',
    'down_blocks.2.resnets.0.conv1.weight': 'input_blocks.7.0.in_layers.2.weight',
    'down_blocks.2.resnets.1.conv1.weight': 'input_blocks.8.0.in_layers.2.weight',
    'mid_block.resnets.0.norm1.weight': 'middle_block.0.in_layers.0.weight',
    'mid_block.attentions.0.proj_in.weight': 'middle_block.1.proj_in.weight',
    'mid_block.resnets.1.conv_shortcut.weight': 'middle_block.2.skip_connection.weight',
    ...Object.fromEntries(
      Array.from({ length: 9 }, (_, block) => [
        `up_blocks.${Math.floor(block / 3)}.resnets.${block % 3}.time_emb_proj.bias`,
        `output_blocks.${block}.0.emb_layers.1.bias`,
      ]),
    ),
    'up_blocks.0.attentions.2.norm.weight': 'output_blocks.2.1.norm.weight',
    'up_blocks.0.upsamplers.0.conv.weight': 'output_blocks.2.2.conv.weight',
    'up_blocks.1.attentions.0.norm.weight': 'output_blocks.3.1.norm.weight',
    'up_blocks.1.upsamplers.0.conv.weight': 'output_blocks.5.2.conv.weight',
    'conv_norm_out.weight': 'out.0.weight',
    'conv_out.bias': 'out.2.bias',
  });
});

test('an upsampler of a level without text stands where its transformer would', () => {
  const names = renamings('up_blocks.0.resnets.0.conv1.weight', 'up_blocks.0.resnets.1.conv1.weight', 'up_blocks.0.upsamplers.0.conv.bias');
  expect(names['up_blocks.0.upsamplers.0.conv.bias']).toBe('output_blocks.1.1.conv.bias');
});

test('a pruned middle of one block stays one', () => {
  expect(renamings('mid_block.resnets.0.conv1.weight')).toEqual({
    'mid_block.resnets.0.conv1.weight': 'middle_block.0.in_layers.2.weight',
  });
});

test('it is told by its first layers; the original names and a VAE are left alone', () => {
  expect(diffusersUnet.matches(named('conv_in.weight', 'down_blocks.0.resnets.0.conv1.weight'))).toBe(true);
  expect(diffusersUnet.matches(named('input_blocks.0.0.weight'))).toBe(false);
  expect(diffusersUnet.matches(named('encoder.conv_in.weight', 'encoder.down_blocks.0.resnets.0.conv1.weight'))).toBe(false);
});

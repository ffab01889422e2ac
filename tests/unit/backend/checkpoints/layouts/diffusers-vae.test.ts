import type { StoredTensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { diffusersVae } from '../../../../../backend/src/checkpoints/layouts/diffusers-vae.js';

const named = (names: readonly string[]) =>
  new Map(
    names.map((name): [string, StoredTensor] => [
      name,
      { name, file: '/models/vae.safetensors', type: 'F32', shape: [8, 8], offset: 0, length: 256 },
    ]),
  );

test('levels, middle and ends get our names; the decoder counts from the largest size', () => {
  const pairs = [
    ['encoder.conv_in.weight', 'encoder.conv_in.weight'],
    ['encoder.down_blocks.0.resnets.1.conv_shortcut.weight', 'encoder.down.0.block.1.nin_shortcut.weight'],
    ['encoder.down_blocks.1.resnets.0.norm2.bias', 'encoder.down.1.block.0.norm2.bias'],
    ['encoder.down_blocks.0.downsamplers.0.conv.weight', 'encoder.down.0.downsample.conv.weight'],
    ['encoder.mid_block.resnets.0.conv1.weight', 'encoder.mid.block_1.conv1.weight'],
    ['encoder.conv_norm_out.weight', 'encoder.norm_out.weight'],
    ['decoder.up_blocks.0.resnets.0.norm1.weight', 'decoder.up.2.block.0.norm1.weight'],
    ['decoder.up_blocks.0.upsamplers.0.conv.bias', 'decoder.up.2.upsample.conv.bias'],
    ['decoder.up_blocks.2.resnets.2.conv2.weight', 'decoder.up.0.block.2.conv2.weight'],
    ['decoder.up_blocks.1.resnets.0.conv_shortcut.bias', 'decoder.up.1.block.0.nin_shortcut.bias'],
    ['decoder.mid_block.resnets.1.norm1.weight', 'decoder.mid.block_2.norm1.weight'],
    ['decoder.mid_block.attentions.0.group_norm.weight', 'decoder.mid.attn_1.norm.weight'],
    ['quant_conv.weight', 'quant_conv.weight'],
  ];
  const tensors = named(pairs.map(([theirs]) => theirs));
  expect(diffusersVae.matches(tensors)).toBe(true);
  expect([...diffusersVae.rename(tensors)].map(([ours, { name }]) => [name, ours])).toEqual(pairs);
});

test.each([
  ['older', ['query', 'key', 'value', 'proj_attn']],
  ['newer', ['to_q', 'to_k', 'to_v', 'to_out.0']],
])('the %s names of its attention are known', (_, layers) => {
  const tensors = named(layers.map((layer) => `decoder.mid_block.attentions.0.${layer}.weight`));
  expect([...diffusersVae.rename(tensors).keys()]).toEqual(
    ['q', 'k', 'v', 'proj_out'].map((layer) => `decoder.mid.attn_1.${layer}.weight`),
  );
});

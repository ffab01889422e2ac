import type { StoredTensor, StoredTensors } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { diffusersFlux } from '../../../../../backend/src/checkpoints/layouts/diffusers-flux.js';
import { diffusersSd3 } from '../../../../../backend/src/checkpoints/layouts/diffusers-sd3.js';

let end = 0;
const stored = (name: string): [string, StoredTensor] => {
  end += 64;
  return [name, { name, file: '/models/sd3.safetensors', type: 'F16', shape: [8, 4], offset: end - 64, length: 64 }];
};
const block = (number: number, names: readonly string[]) => names.map((name) => stored(`transformer_blocks.${number}.${name}.weight`));
const tensors: StoredTensors = new Map([
  stored('pos_embed.proj.weight'),
  stored('pos_embed.pos_embed'),
  stored('context_embedder.bias'),
  stored('time_text_embed.timestep_embedder.linear_1.weight'),
  stored('time_text_embed.text_embedder.linear_2.weight'),
  ...block(0, ['norm1.linear', 'norm1_context.linear', 'attn.to_v', 'attn.to_k', 'attn.to_q', 'attn.to_out.0', 'attn.to_add_out']),
  ...block(0, ['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj', 'attn.norm_q', 'attn.norm_added_k']),
  ...block(0, ['attn2.to_q', 'attn2.to_k', 'attn2.to_v', 'attn2.to_out.0', 'attn2.norm_k', 'ff.net.0.proj', 'ff_context.net.2']),
  ...block(1, ['norm1.linear', 'norm1_context.linear']),
  stored('norm_out.linear.weight'),
  stored('proj_out.weight'),
]);
const renamed = diffusersSd3.rename(tensors);
/** Where the rows of a tensor of ours come from: name and first byte within it. */
const rowsOf = (ours: string) =>
  (renamed.get(ours)!.parts ?? [renamed.get(ours)!]).map(({ name, offset }) => [name, offset - tensors.get(name)!.offset]);

test("diffusers' SD3 is told by its names, and is no Flux", () => {
  expect(diffusersSd3.matches(tensors)).toBe(true);
  expect(diffusersFlux.matches(tensors)).toBe(false);
});

test('its tensors have the names of the original program afterwards', () => {
  expect([...renamed.keys()].toSorted()).toEqual(
    [
      'x_embedder.proj.weight',
      'pos_embed',
      'context_embedder.bias',
      't_embedder.mlp.0.weight',
      'y_embedder.mlp.2.weight',
      ...['adaLN_modulation.1', 'attn.qkv', 'attn.proj', 'attn.ln_q', 'attn2.qkv', 'attn2.proj', 'attn2.ln_k', 'mlp.fc1'].map(
        (name) => `joint_blocks.0.x_block.${name}.weight`,
      ),
      ...['adaLN_modulation.1', 'attn.qkv', 'attn.proj', 'attn.ln_k', 'mlp.fc2'].map(
        (name) => `joint_blocks.0.context_block.${name}.weight`,
      ),
      'joint_blocks.1.x_block.adaLN_modulation.1.weight',
      'joint_blocks.1.context_block.adaLN_modulation.1.weight',
      'final_layer.adaLN_modulation.1.weight',
      'final_layer.linear.weight',
    ].toSorted(),
  );
});

test('query, key and value are joined in this order, wherever they lie', () => {
  const names = (layers: string[]) => layers.map((layer) => [`transformer_blocks.0.${layer}.weight`, 0]);
  expect(rowsOf('joint_blocks.0.x_block.attn.qkv.weight')).toEqual(names(['attn.to_q', 'attn.to_k', 'attn.to_v']));
  expect(rowsOf('joint_blocks.0.context_block.attn.qkv.weight')).toEqual(names(['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj']));
  expect(renamed.get('joint_blocks.0.x_block.attn2.qkv.weight')!.shape).toEqual([24, 4]);
});

test('where a modulation only shifts and scales, its halves change places: at the end, and for the text in the last block', () => {
  const swapped = (name: string) => [32, 0].map((offset) => [name, offset]);
  expect(rowsOf('final_layer.adaLN_modulation.1.weight')).toEqual(swapped('norm_out.linear.weight'));
  expect(rowsOf('joint_blocks.1.context_block.adaLN_modulation.1.weight')).toEqual(
    swapped('transformer_blocks.1.norm1_context.linear.weight'),
  );
  expect(rowsOf('joint_blocks.0.context_block.adaLN_modulation.1.weight')).toEqual([
    ['transformer_blocks.0.norm1_context.linear.weight', 0],
  ]);
  expect(rowsOf('joint_blocks.1.x_block.adaLN_modulation.1.weight')).toEqual([['transformer_blocks.1.norm1.linear.weight', 0]]);
});

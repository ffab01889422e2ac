import type { StoredTensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { diffusersFlux } from '../../../../../backend/src/checkpoints/layouts/diffusers-flux.js';

const WIDTH = 4;
const ROW_BYTES = 2 * WIDTH;
let end = 0;
const stored = (name: string, rows: number): [string, StoredTensor] => {
  const offset = end;
  end += rows * ROW_BYTES;
  return [name, { name, file: '/models/flux.safetensors', type: 'F16', shape: [rows, WIDTH], offset, length: rows * ROW_BYTES }];
};
const tensors = new Map([
  stored('x_embedder.weight', 4),
  stored('time_text_embed.guidance_embedder.linear_1.weight', 4),
  stored('transformer_blocks.11.attn.to_q.weight', 4),
  stored('transformer_blocks.11.attn.to_k.weight', 4),
  stored('transformer_blocks.11.attn.to_v.weight', 4),
  stored('transformer_blocks.11.attn.norm_added_k.weight', 2),
  stored('single_transformer_blocks.0.proj_mlp.weight', 16),
  stored('single_transformer_blocks.0.attn.to_v.weight', 4),
  stored('single_transformer_blocks.0.attn.to_k.weight', 4),
  stored('single_transformer_blocks.0.attn.to_q.weight', 4),
  stored('norm_out.linear.weight', 8),
  stored('proj_out.weight', 4),
]);

test("diffusers' Flux is told by its names, and its tensors have ours afterwards", () => {
  expect(diffusersFlux.matches(tensors)).toBe(true);
  expect([...diffusersFlux.rename(tensors).keys()].toSorted()).toEqual([
    'double_blocks.11.img_attn.qkv.weight',
    'double_blocks.11.txt_attn.norm.key_norm.scale',
    'final_layer.adaLN_modulation.1.weight',
    'final_layer.linear.weight',
    'guidance_in.in_layer.weight',
    'img_in.weight',
    'single_blocks.0.linear1.weight',
  ]);
});

test('projections that lie apart are joined in place, whatever their order in the file', () => {
  const joined = diffusersFlux.rename(tensors).get('single_blocks.0.linear1.weight')!;
  expect(joined.shape).toEqual([28, WIDTH]);
  expect(joined.parts?.map(({ name }) => name.replace('single_transformer_blocks.0.', ''))).toEqual([
    'attn.to_q.weight',
    'attn.to_k.weight',
    'attn.to_v.weight',
    'proj_mlp.weight',
  ]);
});

test('the halves of the last modulation change places', () => {
  const { offset } = tensors.get('norm_out.linear.weight')!;
  const { shape, parts } = diffusersFlux.rename(tensors).get('final_layer.adaLN_modulation.1.weight')!;
  expect(shape).toEqual([8, WIDTH]);
  expect(parts?.map((part) => [part.offset - offset, part.length])).toEqual([
    [4 * ROW_BYTES, 4 * ROW_BYTES],
    [0, 4 * ROW_BYTES],
  ]);
});

import type { ModelFamily, StoredTensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { componentsOf } from '../../../../backend/src/checkpoints/components.js';
import type { ModelFile } from '../../../../backend/src/checkpoints/model-file.js';
import { families, recognise } from '../../../../backend/src/model-families/families.js';

const file = '/models/checkpoints/some.safetensors';

function fileWith(shapes: Record<string, number[]>): ModelFile {
  const entries = Object.entries(shapes).map(([name, shape]): [string, StoredTensor] => [
    name,
    { name, file, type: 'F16', shape, offset: 0, length: 0 },
  ]);
  const checkpoint = { file, tensors: new Map(entries), metadata: new Map<string, string>() };
  return { ...checkpoint, components: componentsOf(checkpoint) };
}
const familyOf = (shapes: Record<string, number[]>, known = families) => recognise(fileWith(shapes), known).family.id;

/** The tensors that tell a UNet of four levels with attention at the first. */
const unet = (channels: number, projection: number[], input = 4) => ({
  'model.diffusion_model.input_blocks.0.0.weight': [channels, input, 3, 3],
  'model.diffusion_model.input_blocks.1.1.norm.weight': [channels],
  'model.diffusion_model.input_blocks.1.1.proj_in.weight': projection,
});

test('the family is told by structure, at any width', () => {
  for (const channels of [32, 48, 320, 1024]) {
    for (const input of [4, 8, 9]) expect(familyOf(unet(channels, [channels, channels, 1, 1], input))).toBe('sd15');
    expect(familyOf(unet(channels, [channels, channels]))).toBe('sd2');
  }
});

test('a kind that cannot be run is named', () => {
  expect(() => familyOf(unet(320, [320, 320], 5))).toThrow(
    '"some.safetensors" is a Stable Diffusion 2 depth model. That kind is known, but cannot be run yet.',
  );
  expect(() => familyOf({ ...unet(320, [320, 320]), 'model.diffusion_model.time_embed.time_stack.0.weight': [1] })).toThrow(/Video/);
});

test('what is like no family says which is nearest, and why it is not of it', () => {
  expect(() => familyOf(unet(64, [64, 64, 1, 1], 6))).toThrow(/most like Stable Diffusion 1, but not so that it takes 4, 8, 9 channels/);
});

test.each([
  ['a LoRA', 'models/loras', { 'lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight': [8, 320] }],
  ['a ControlNet', 'models/controlnet', { 'control_model.time_embed.0.weight': [1280, 320] }],
  ['a VAE', 'models/vae', { 'decoder.conv_in.weight': [512, 4, 3, 3] }],
  ['a text encoder', 'models/text_encoders', { 'text_model.encoder.layers.0.mlp.fc1.weight': [3072, 768] }],
  ['an embedding', 'models/embeddings', { emb_params: [4, 768] }],
] as const)('%s among the checkpoints is told where it belongs', (what, place, shapes) => {
  const error = { code: 'not-a-checkpoint', message: `"some.safetensors" is ${what}, not a checkpoint.`, hint: `Its place is ${place}.` };
  let thrown: unknown;
  try {
    familyOf(shapes as unknown as Record<string, number[]>);
  } catch (caught) {
    thrown = caught;
  }
  expect(thrown).toMatchObject(error);
});

test('what nobody knows is shown by some of its names', () => {
  expect(() => familyOf({ 'resnet.conv1.weight': [64, 3, 7, 7] })).toThrow(/Not understood: "resnet\.conv1\.weight"\./);
  expect(() => familyOf({})).toThrow(/holds no tensors/);
});

test('a file with a VAE and a whole network more is no VAE: the tensors that were not understood are named', () => {
  const vae = { 'first_stage_model.decoder.conv_in.weight': [512, 4, 3, 3] };
  const unknown = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`my.net.${i}.weight`, [8, 8]]));
  expect(() => familyOf({ ...vae, ...unknown })).toThrow(/Not understood: "my\.net\.0\.weight", .* and 17 more tensors\./);
  expect(() => familyOf({ ...vae, 'model_ema.decay': [1] })).toThrow('is a VAE');
});

test('a family of an extension is tried after ours', () => {
  const pixel: ModelFamily = {
    ...families[0],
    id: 'pixel',
    signature: [{ says: 'has pixel blocks', holds: ({ has }) => has('input_blocks.0.0.weight') }],
  };
  expect(familyOf(unet(64, [64, 64, 1, 1], 6), [...families, pixel])).toBe('pixel');
  expect(familyOf(unet(64, [64, 64, 1, 1]), [...families, pixel])).toBe('sd15');
});

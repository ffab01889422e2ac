import { expect, test } from 'vitest';
import { detectFamily } from '../../../../backend/src/checkpoints/detect-family.js';
import type { Checkpoint, StoredTensor } from '../../../../backend/src/checkpoints/safetensors-header.js';

const file = '/models/checkpoints/some.safetensors';

function checkpointWith(shapes: Record<string, number[]>): Checkpoint {
  const entries = Object.entries(shapes).map(([name, shape]): [string, StoredTensor] => [
    name,
    { name, type: 'F16', shape, offset: 0, length: 0 },
  ]);
  return { file, tensors: new Map(entries), metadata: new Map() };
}

/** The tensors that tell a UNet of four levels with attention at the first. */
const unet = (channels: number, projection: number[]) => ({
  'model.diffusion_model.input_blocks.0.0.weight': [channels, 4, 3, 3],
  'model.diffusion_model.input_blocks.1.1.norm.weight': [channels],
  'model.diffusion_model.input_blocks.1.1.proj_in.weight': projection,
});

test('the family is told by structure, at any width', () => {
  for (const channels of [32, 48, 320, 1024]) {
    expect(detectFamily(checkpointWith(unet(channels, [channels, channels, 1, 1])))).toBe('sd15');
  }
});

test('a family that is not built is named', () => {
  expect(() => detectFamily(checkpointWith(unet(320, [320, 320])))).toThrow(
    '"some.safetensors" is a Stable Diffusion 2 model. That family is known, but not built yet.',
  );
  const inpainting = { ...unet(64, [64, 64, 1, 1]), 'model.diffusion_model.input_blocks.0.0.weight': [64, 9, 3, 3] };
  expect(() => detectFamily(checkpointWith(inpainting))).toThrow(/Stable Diffusion 1 inpainting/);
  expect(() => detectFamily(checkpointWith({ 'double_blocks.0.img_attn.norm.key_norm.scale': [128] }))).toThrow(/Flux schnell/);
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
    detectFamily(checkpointWith(shapes as unknown as Record<string, number[]>));
  } catch (caught) {
    thrown = caught;
  }
  expect(thrown).toMatchObject(error);
});

test('what nobody knows is shown by some of its names', () => {
  expect(() => detectFamily(checkpointWith({ 'resnet.conv1.weight': [64, 3, 7, 7] }))).toThrow(/"resnet\.conv1\.weight" and so on/);
  expect(() => detectFamily(checkpointWith({}))).toThrow(/holds no tensors/);
});

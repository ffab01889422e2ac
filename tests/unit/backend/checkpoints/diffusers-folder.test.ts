import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readModelFile } from '../../../../backend/src/checkpoints/model-file.js';
import { float32s, writeSafetensors, type TensorToWrite } from '../../../support/safetensors-file.js';

let home: string;
let folder: string;
const inside = (name: string) => path.join(folder, name);

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'diffusers-'));
  folder = path.join(home, 'my-model.v1.5');
  for (const part of ['unet', 'vae', 'text_encoder', 'text_encoder_2']) mkdirSync(inside(part), { recursive: true });
  writeIndex({
    unet: ['diffusers', 'UNet2DConditionModel'],
    vae: ['diffusers', 'AutoencoderKL'],
    text_encoder: ['transformers', 'CLIPTextModel'],
  });
  writeSafetensors(inside('unet/diffusion_pytorch_model.safetensors'), unet);
  writeSafetensors(inside('vae/diffusion_pytorch_model.safetensors'), { 'decoder.conv_in.weight': one });
  writeSafetensors(inside('text_encoder/model.safetensors'), clip);
});
afterEach(() => rmSync(home, { recursive: true }));

const one = float32s([1], [1]);
const unet: Record<string, TensorToWrite> = { 'conv_in.weight': one, 'down_blocks.0.resnets.0.conv1.weight': float32s([1], [2]) };
const clip = { 'text_model.encoder.layers.0.layer_norm1.weight': one };

function writeIndex(parts: Readonly<Record<string, unknown>>): void {
  writeFileSync(inside('model_index.json'), JSON.stringify({ _class_name: 'StableDiffusionPipeline', ...parts }));
}

/** Splits the UNet into a file for each tensor, with a list of them. */
function writeShards(weight_map: Readonly<Record<string, string>> = {}): void {
  rmSync(inside('unet/diffusion_pytorch_model.safetensors'));
  const shards = Object.entries(unet).map(([name, each], i) => {
    const shard = `diffusion_pytorch_model-0000${i + 1}-of-00002.safetensors`;
    writeSafetensors(inside(`unet/${shard}`), { [name]: each });
    return [name, shard];
  });
  const list = { metadata: { total_size: 8 }, weight_map: { ...Object.fromEntries(shards), ...weight_map } as unknown };
  writeFileSync(inside('unet/diffusion_pytorch_model.safetensors.index.json'), JSON.stringify(list));
}

test('its parts are the networks of one model, each in the file where it lies', async () => {
  const { file, components, tensors, notes } = await readModelFile(folder);
  expect(file).toBe(folder);
  expect(components.model).toMatchObject({ file: inside('unet/diffusion_pytorch_model.safetensors') });
  expect([...components.model!.tensors.keys()]).toEqual(['input_blocks.0.0.weight', 'input_blocks.1.0.in_layers.2.weight']);
  expect(components.vae?.file).toBe(inside('vae/diffusion_pytorch_model.safetensors'));
  expect([...components.textEncoders.keys()]).toEqual(['clip-l']);
  expect([...tensors.keys()]).toContain('unet.conv_in.weight');
  expect(notes).toEqual([]);
});

test('a second CLIP is G, and a part that the index has not is not read', async () => {
  cpSync(inside('text_encoder'), inside('text_encoder_2'), { recursive: true });
  expect([...(await readModelFile(folder)).components.textEncoders.keys()]).toEqual(['clip-l']);
  writeIndex({ unet: ['diffusers', ''], vae: [null, null], text_encoder: ['transformers', ''], text_encoder_2: ['transformers', ''] });
  const { components } = await readModelFile(folder);
  expect([...components.textEncoders.keys()]).toEqual(['clip-l', 'clip-g']);
  expect(components.vae).toBeUndefined();
});

test('weights in several files are one network', async () => {
  writeShards();
  const { model } = (await readModelFile(folder)).components;
  expect(model?.file).toBe(inside('unet'));
  expect([...model!.tensors.values()].map(({ name, file }) => [name, path.basename(file)])).toEqual([
    ['conv_in.weight', 'diffusion_pytorch_model-00001-of-00002.safetensors'],
    ['down_blocks.0.resnets.0.conv1.weight', 'diffusion_pytorch_model-00002-of-00002.safetensors'],
  ]);
});

test('of several variants the one without a name is taken, and that is said', async () => {
  cpSync(inside('unet/diffusion_pytorch_model.safetensors'), inside('unet/diffusion_pytorch_model.fp16.safetensors'));
  const { components, notes } = await readModelFile(folder);
  expect(components.model?.file).toBe(inside('unet/diffusion_pytorch_model.safetensors'));
  expect(notes).toEqual(['Of "unet", diffusion_pytorch_model.safetensors is used, not diffusion_pytorch_model.fp16.safetensors.']);
});

test('a variant that is there alone is taken', async () => {
  cpSync(inside('unet/diffusion_pytorch_model.safetensors'), inside('unet/diffusion_pytorch_model.fp16.safetensors'));
  rmSync(inside('unet/diffusion_pytorch_model.safetensors'));
  const { components, notes } = await readModelFile(folder);
  expect(components.model?.file).toBe(inside('unet/diffusion_pytorch_model.fp16.safetensors'));
  expect(notes).toEqual([]);
});

test('files that are links, as in the cache of Hugging Face, are read where they lie', async () => {
  const blob = path.join(home, 'blob');
  cpSync(inside('unet/diffusion_pytorch_model.safetensors'), blob);
  rmSync(inside('unet/diffusion_pytorch_model.safetensors'));
  symlinkSync(blob, inside('unet/diffusion_pytorch_model.safetensors'));
  expect((await readModelFile(folder)).components.model?.file).toBe(blob);
});

test.each([
  ['a path out of the folder', '../vae/diffusion_pytorch_model.safetensors'],
  ['a Windows path out of the folder', '..\\vae\\model.safetensors'],
  ['an absolute path', '/etc/passwd.safetensors'],
  ['another kind of file', 'pytorch_model.bin'],
])('a list of shards that names %s is refused', async (_, shard) => {
  writeShards({ 'conv_out.weight': shard });
  await expect(readModelFile(folder)).rejects.toMatchObject({
    code: 'checkpoint-unreadable',
    message: expect.stringContaining(shard) as string,
  });
});

test('a shard that is missing, or lacks a tensor that the list says it has, is named', async () => {
  writeShards({ 'conv_out.weight': 'diffusion_pytorch_model-00002-of-00002.safetensors' });
  await expect(readModelFile(folder)).rejects.toMatchObject({
    code: 'checkpoint-unreadable',
    message: expect.stringContaining('conv_out.weight') as string,
  });
  rmSync(inside('unet/diffusion_pytorch_model-00001-of-00002.safetensors'));
  await expect(readModelFile(folder)).rejects.toMatchObject({
    code: 'checkpoint-not-opened',
    message: expect.stringContaining('00001-of-00002') as string,
  });
});

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
])('an index that is %s is refused by name', async (_, text) => {
  writeFileSync(inside('model_index.json'), text);
  await expect(readModelFile(folder)).rejects.toMatchObject({
    code: 'checkpoint-unreadable',
    message: expect.stringContaining('model_index.json') as string,
  });
});

test('a list of shards that is longer than any real one is not even read', async () => {
  writeShards();
  writeFileSync(inside('unet/diffusion_pytorch_model.safetensors.index.json'), Buffer.alloc(50_000_001));
  await expect(readModelFile(folder)).rejects.toMatchObject({
    code: 'checkpoint-unreadable',
    message: expect.stringContaining('50000001 bytes') as string,
  });
});

test('a folder without a network that denoises is no whole model', async () => {
  writeIndex({ vae: ['diffusers', 'AutoencoderKL'] });
  await expect(readModelFile(folder)).rejects.toMatchObject({
    code: 'checkpoint-incomplete',
    message: expect.stringContaining('unet') as string,
  });
  writeIndex({ transformer: ['diffusers', 'SD3Transformer2DModel'] });
  await expect(readModelFile(folder)).rejects.toMatchObject({
    code: 'checkpoint-incomplete',
    message: expect.stringContaining('"transformer"') as string,
  });
});

test('a part that is there as a pickle only is refused and not run', async () => {
  rmSync(inside('unet/diffusion_pytorch_model.safetensors'));
  writeFileSync(inside('unet/diffusion_pytorch_model.bin'), 'anything');
  await expect(readModelFile(folder)).rejects.toMatchObject({ code: 'checkpoint-is-pickle' });
});

test('what its scheduler says of the training is its metadata; a scheduler that is not there says nothing', async () => {
  const parts = { unet: ['diffusers', 'UNet2DConditionModel'], scheduler: ['diffusers', 'DDIMScheduler'] };
  writeIndex(parts);
  expect((await readModelFile(folder)).metadata.size).toBe(0);
  mkdirSync(inside('scheduler'));
  const said = { _class_name: 'DDIMScheduler', prediction_type: 'v_prediction', rescale_betas_zero_snr: true, steps_offset: 1 };
  writeFileSync(inside('scheduler/scheduler_config.json'), JSON.stringify(said));
  expect(Object.fromEntries((await readModelFile(folder)).metadata)).toEqual({
    'scheduler._class_name': 'DDIMScheduler',
    'scheduler.prediction_type': 'v_prediction',
    'scheduler.rescale_betas_zero_snr': 'true',
  });
});

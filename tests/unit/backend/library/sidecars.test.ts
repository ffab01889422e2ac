import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSidecars } from '../../../../backend/src/library/sidecars.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'atelier-sidecars-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (name: string, text = ''): void => writeFileSync(path.join(folder, name), text);
const read = (name = 'a.v2.safetensors') => readSidecars(path.join(folder, name));

test('a checkpoint with nothing beside it has no sidecars', async () => {
  put('other.json', '{}');
  expect(await read()).toEqual({ description: null, preferredVae: null, vaeFile: null, previewFile: null, answersV: false, notes: [] });
});

test('what A1111’s editor writes is read: the description, and the VAE that is preferred', async () => {
  put('a.v2.json', JSON.stringify({ description: 'Soft light.', 'sd version': 'SD1', vae: 'soft.safetensors', notes: 'mine' }));
  expect(await read()).toMatchObject({ description: 'Soft light.', preferredVae: 'soft.safetensors' });
  put('a.v2.json', JSON.stringify({ description: '', vae: 'Automatic' }));
  expect(await read()).toMatchObject({ description: null, preferredVae: null });
});

test.each([
  [
    'as the original program has it',
    'model:\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params:\n    parameterization: "v"\n',
    true,
  ],
  ['as SDXL’s program has it', 'model: {params: {denoiser_config: {params: {scaling_config: {target: sgm.modules.VScaling}}}}}', true],
  ['that says eps', 'model: {params: {parameterization: eps}}', false],
  ['that says nothing of it', 'model: {params: {linear_start: 0.00085, denoiser_config: {}}}', false],
])('a configuration %s', async (_, text, answersV) => {
  put('a.v2.yaml', text);
  expect(await read()).toMatchObject({ answersV, notes: [] });
});

test('files that are not what A1111 puts there are passed over, and named', async () => {
  put('a.v2.json', '[');
  put('a.v2.yaml', 'model: "a list of parts"');
  put('a.v2.vae.pt');
  expect((await read()).notes).toEqual([
    expect.stringContaining('"a.v2.json"'),
    expect.stringContaining('"a.v2.yaml"'),
    expect.stringContaining('"a.v2.vae.pt" is passed over: it is a Python pickle'),
  ]);
});

test('the preview goes before another picture of that name; both are found beside a folder too', async () => {
  mkdirSync(path.join(folder, 'b.v2'));
  put('b.v2.png');
  put('a.v2.jpg');
  put('a.v2.preview.webp');
  put('a.v2.vae.safetensors');
  expect(await read()).toMatchObject({
    previewFile: path.join(folder, 'a.v2.preview.webp'),
    vaeFile: path.join(folder, 'a.v2.vae.safetensors'),
  });
  expect(await read('b.v2')).toMatchObject({ previewFile: path.join(folder, 'b.v2.png') });
});

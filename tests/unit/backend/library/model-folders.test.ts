import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { foldersIn, modelFiles, type FolderKind } from '../../../../backend/src/library/model-folders.js';

let home = '';
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'atelier-folders-'));
});
afterEach(() => rmSync(home, { recursive: true }));

function put(file: string): void {
  mkdirSync(path.dirname(path.join(home, file)), { recursive: true });
  writeFileSync(path.join(home, file), '');
}

async function names(kind: FolderKind, ...models: string[]): Promise<string[]> {
  return (await modelFiles(foldersIn(models.map((folder) => path.join(home, folder))), kind)).map(({ name }) => name);
}

test.each([
  ['A1111 and Forge', ['Stable-diffusion/a.safetensors', 'VAE/b.safetensors', 'text_encoder/c.safetensors']],
  ['ComfyUI', ['checkpoints/a.safetensors', 'vae/b.safetensors', 'text_encoders/c.safetensors']],
  ['ComfyUI of old', ['unet/a.safetensors', 'vae/b.safetensors', 'clip/c.safetensors']],
])('the models of %s are understood as they lie, from their folder and from the one around it', async (_, files) => {
  for (const file of files) put(`webui/models/${file}`);
  for (const folder of ['webui', 'webui/models']) {
    expect(await names('checkpoints', folder)).toEqual(['a']);
    expect(await names('vae', folder)).toEqual(['b']);
    expect(await names('textEncoders', folder)).toEqual(['c']);
  }
});

test('embeddings are found below the models, and beside them, where A1111 keeps them', async () => {
  put('webui/embeddings/a.pt');
  put('webui/models/embeddings/deep/b.safetensors');
  for (const folder of ['webui', 'webui/models']) expect((await names('embeddings', folder)).sort()).toEqual(['a', 'deep/b']);
});

test('folders that are linked to are entered, however they lead back', async () => {
  put('drive/big/a.safetensors');
  put('drive/big/deep/b.safetensors');
  symlinkSync(path.join(home, 'drive'), path.join(home, 'drive/big/deep/back'));
  mkdirSync(path.join(home, 'checkpoints'));
  symlinkSync(path.join(home, 'drive/big'), path.join(home, 'checkpoints/linked'));
  expect(await names('checkpoints', '.')).toEqual(['linked/a', 'linked/deep/b']);
});

test('hidden files are left out, and pictures and notes beside models', async () => {
  for (const name of ['a.safetensors', '._a.safetensors', '.cache/b.safetensors', 'a.preview.png', 'a.json', 'a.vae.safetensors'])
    put(`checkpoints/${name}`);
  expect(await names('checkpoints', '.')).toEqual(['a']);
});

test.skipIf(process.getuid?.() === 0)('a folder that is closed to us is listed, and hides nothing else', async () => {
  put('checkpoints/a.safetensors');
  put('checkpoints/closed/b.safetensors');
  chmodSync(path.join(home, 'checkpoints/closed'), 0);
  expect(await names('checkpoints', '.')).toEqual(['closed', 'a']);
  chmodSync(path.join(home, 'checkpoints/closed'), 0o755);
});

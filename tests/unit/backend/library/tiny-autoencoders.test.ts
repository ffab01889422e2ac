import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ModelTraits } from '@atelier/sdk';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { foldersIn } from '../../../../backend/src/library/model-folders.js';
import { findTinyAutoencoder, tinyAutoencoderOf, tinyAutoencoders } from '../../../../backend/src/library/tiny-autoencoders.js';
import { sdxlLatent } from '../../../../backend/src/model-families/sdxl/family.js';
import { floats, openGraph } from '../../../support/open-graph.js';
import { float32s, writeSafetensors } from '../../../support/safetensors-file.js';
import { writeTinyAutoencoder } from '../../../support/tiny-autoencoder.js';

let models = '';
beforeEach(() => {
  models = mkdtempSync(path.join(os.tmpdir(), 'atelier-tiny-'));
});
afterEach(() => rmSync(models, { recursive: true }));

const latent = floats(
  [1, 4, 3, 5],
  Array.from({ length: 60 }, (_, i) => Math.sin(i * 7)),
);

test.each(['vae_approx', 'VAE-approx', 'VAE-taesd'])(
  'what lies in %s is known by the name that its halves have in common',
  async (folder) => {
    writeTinyAutoencoder(path.join(models, folder));
    writeTinyAutoencoder(path.join(models, folder), { name: 'taesdxl', layout: 'decoder alone' });
    expect((await tinyAutoencoders(foldersIn([models]))).map(({ name }) => name)).toEqual(['taesd', 'taesdxl']);
  },
);

test('the release for diffusers decodes and encodes as the first one does', async () => {
  const [first, second] = await Promise.all(
    (['two files', 'diffusers'] as const).map(async (layout) => {
      const folder = path.join(models, layout);
      writeTinyAutoencoder(path.join(folder, 'vae_approx'), { layout });
      const tiny = (await findTinyAutoencoder('taesd', foldersIn([folder])))!;
      const { image } = await (await openGraph(tiny.decoder.graph()))({ latent });
      const { mean } = await (await openGraph(tiny.encoder.graph()))({ image });
      return { image, mean };
    }),
  );
  expect(first.image.shape).toEqual([1, 3, 24, 40]);
  expect(first.mean.shape).toEqual([1, 4, 3, 5]);
  expect(second).toEqual(first);
});

test('how many channels the latent has is read from the file', async () => {
  writeTinyAutoencoder(path.join(models, 'vae_approx'), { name: 'taef1', channels: 16 });
  expect(await findTinyAutoencoder('taef1', foldersIn([models]))).toMatchObject({ channels: 16 });
});

test('a decoder alone decodes; to encode, the file that is missing is named', async () => {
  writeTinyAutoencoder(path.join(models, 'vae_approx'), { layout: 'decoder alone' });
  const tiny = (await findTinyAutoencoder('taesd', foldersIn([models])))!;
  expect(tiny.decoder.graph().outputs).toEqual(['image']);
  expect(() => tiny.encoder.graph()).toThrow('has no encoder');
});

test("a pickle beside the same in .safetensors is passed over, and A1111's approximations are no autoencoders", async () => {
  const folder = path.join(models, 'VAE-approx');
  mkdirSync(folder);
  for (const name of ['model.pt', 'vaeapprox-sdxl.pt', 'taesd_decoder.pth']) writeFileSync(path.join(folder, name), 'a pickle');
  writeTinyAutoencoder(folder);
  expect((await tinyAutoencoders(foldersIn([models]))).map(({ name }) => name)).toEqual(['taesd']);
  expect((await findTinyAutoencoder('taesd', foldersIn([models])))!.decoder.graph().outputs).toEqual(['image']);
});

test('a file that holds something else is refused', async () => {
  writeTinyAutoencoder(path.join(models, 'vae_approx'));
  writeSafetensors(path.join(models, 'vae_approx', 'other_decoder.safetensors'), { bias: float32s([1], [0]) });
  await expect(findTinyAutoencoder('other', foldersIn([models]))).rejects.toMatchObject({ code: 'tiny-autoencoder-incomplete' });
});

test('each kind of latent has a file of its own, and a message names it when it is missing', async () => {
  const traits = { label: 'SDXL', latent: sdxlLatent } as ModelTraits;
  writeTinyAutoencoder(path.join(models, 'vae_approx'));
  await expect(tinyAutoencoderOf(traits, foldersIn([models]))).rejects.toMatchObject({
    code: 'tiny-autoencoder-not-found',
    message: expect.stringContaining('taesdxl_decoder.safetensors') as string,
    hint: expect.stringContaining('models/vae_approx') as string,
  });
  writeTinyAutoencoder(path.join(models, 'vae_approx'), { name: 'taesdxl' });
  expect(await tinyAutoencoderOf(traits, foldersIn([models]))).toMatchObject({ channels: 4 });
});

import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { loadExtension, runJob } from '@atelier/backend/testing';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterAll, expect, test } from 'vitest';

const folder = await mkdtemp(path.join(os.tmpdir(), 'toy-family-'));
afterAll(() => rm(folder, { recursive: true }));

/** A checkpoint whose diffusion model is a toy; what is around it is Stable Diffusion's. */
const checkpoint = tinyCheckpoint('sd15', {
  folder,
  model: {
    'toy.first.weight': [8, 4, 3, 3],
    'toy.first.bias': [8],
    'toy.text.weight': [8, 64],
    'toy.text.bias': [8],
    'toy.time.0.weight': [16, 8],
    'toy.time.0.bias': [16],
    'toy.time.2.weight': [8, 16],
    'toy.time.2.bias': [8],
    'toy.last.weight': [4, 8, 3, 3],
    'toy.last.bias': [4],
  },
});
const request = { prompt: 'a cat', width: 64, height: 64, steps: 2, seed: 1 };

test('a file of the family makes a picture, which depends on the prompt', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  const pixels = async (prompt: string) => (await runJob({ ...request, prompt }, { model: checkpoint, extension })).images[0].image.data;
  expect(await pixels('a cat')).not.toEqual(await pixels('a dog'));
});

test('without the extension the file is not known', async () => {
  await expect(runJob(request, { model: checkpoint })).rejects.toMatchObject({ code: 'family-unknown' });
});

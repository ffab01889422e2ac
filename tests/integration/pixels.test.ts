import path from 'node:path';
import { changeSettings, createTxt2ImgJob, type JobPreview, type Txt2ImgInput } from '@atelier/sdk/contracts';
import sharp from 'sharp';
import { afterEach, expect, test } from 'vitest';
import { runJob } from '../../backend/src/testing/run-job.js';
import { endServers, heard, startServer, type TestServer } from '../support/start-server.js';
import { writeTinyAutoencoder } from '../support/tiny-autoencoder.js';

afterEach(endServers);

const small = { prompt: 'a cat', width: 64, height: 96, steps: 1, cfgScale: 1, seed: 1 };

async function pictureOf(server: TestServer, request: Txt2ImgInput): Promise<{ parameters: string; bytes: Buffer }> {
  const { jobId } = await server.call(createTxt2ImgJob, request);
  const job = await server.job(jobId);
  expect(job).toMatchObject({ phase: 'done' });
  const [{ id, parameters }] = job.pictures;
  const file = await server.fetch(`/api/pictures/${id}/file`);
  return { parameters, bytes: Buffer.from(await file.arrayBuffer()) };
}

test('a large picture is made in tiles, and says how large they were', async () => {
  const server = await startServer();
  const { parameters, bytes } = await pictureOf(server, { ...small, width: 2048, height: 528 });
  expect(await sharp(bytes).metadata()).toMatchObject({ width: 2048, height: 528 });
  expect(parameters).toContain('VAE tile: 768x528, VAE tile overlap: 128');
  await server.stop();
});

test('tiles show no seam: the picture is that of the whole, but for what normalisation makes of its parts', async () => {
  const request = { ...small, width: 600, height: 40 };
  const [{ images: whole }, { images: tiled }] = [
    await runJob(request, { model: 'tiny' }),
    await runJob({ ...request, tiledVae: 'always' }, { model: 'tiny' }),
  ];
  expect(whole[0].parameters).not.toContain('VAE tile');
  expect(tiled[0].parameters).toContain('VAE tile: 368x40, VAE tile overlap: 128');
  const difference = Uint8Array.from(whole[0].image.data, (value, i) => tiled[0].image.data[i] - value + 128);
  for (let x = 1; x < request.width; x++) {
    const column = columnOf(difference, request, x);
    const before = columnOf(difference, request, x - 1);
    expect(mean(column.map((value) => Math.abs(value - 128)))).toBeLessThan(4);
    expect(mean(column.map((value, i) => Math.abs(value - before[i])))).toBeLessThan(2); // from pixel to pixel the picture itself changes by 14
  }
});

/** The values of one column of an RGB picture. */
function columnOf(pixels: Uint8Array, { width, height }: { width: number; height: number }, x: number): number[] {
  return Array.from({ length: height * 3 }, (_, i) => pixels[(Math.floor(i / 3) * width + x) * 3 + (i % 3)]);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test('a tiny autoencoder is chosen as VAE by its name, which the picture tells', async () => {
  const server = await startServer();
  writeTinyAutoencoder(path.join(server.folders.models, 'vae_approx'), { layout: 'decoder alone' });
  const [own, tiny] = [await pictureOf(server, small), await pictureOf(server, { ...small, vae: 'taesd' })];
  expect(tiny.parameters).toContain('VAE: taesd');
  expect(await sharp(tiny.bytes).metadata()).toMatchObject({ width: 64, height: 96 });
  expect(tiny.bytes.equals(own.bytes)).toBe(false);
  await server.stop();
});

test('previews by a tiny autoencoder have the size of the picture; those in colours, of the latent', async () => {
  const server = await startServer();
  await server.ready();
  writeTinyAutoencoder(path.join(server.folders.models, 'vae_approx'));
  const socket = server.socket();
  await heard(socket, 'connect');
  for (const [previewMethod, size] of [
    ['taesd', { width: 64, height: 96 }],
    ['colours', { width: 8, height: 12 }],
  ] as const) {
    await server.call(changeSettings, { previewMethod });
    const preview = heard<JobPreview>(socket, 'job:preview');
    const { jobId } = await server.call(createTxt2ImgJob, { ...small, steps: 8 });
    await server.job(jobId);
    expect(await sharp(Buffer.from((await preview).png)).metadata()).toMatchObject(size);
  }
  await server.stop();
});

test('previews by a tiny autoencoder that is not there end the job before its first step, with the name of the file', async () => {
  const server = await startServer();
  await server.call(changeSettings, { previewMethod: 'taesd' });
  const { jobId } = await server.call(createTxt2ImgJob, small);
  expect(await server.job(jobId)).toMatchObject({
    phase: 'failed',
    error: { code: 'tiny-autoencoder-not-found', message: expect.stringContaining('taesd_decoder.safetensors') as string },
  });
  await server.call(changeSettings, { livePreviews: false });
  await pictureOf(server, small); // nobody looks, so nothing is missing
  await server.stop();
});

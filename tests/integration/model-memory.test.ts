import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { changeSettings, createTxt2ImgJob, getStatus, type Job, type Loading, type SettingsPatch } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import sharp from 'sharp';
import { afterAll, afterEach, expect, test } from 'vitest';
import { endServers, startServer, type TestServer } from '../support/start-server.js';

const folder = mkdtempSync(path.join(tmpdir(), 'model-memory-'));
const checkpoints = {
  one: tinyCheckpoint('sd15', { folder, name: 'one', type: 'F16', seed: 1 }),
  two: tinyCheckpoint('sd15', { folder, name: 'two', type: 'F16', seed: 2 }),
};
afterEach(endServers);
afterAll(() => rmSync(folder, { recursive: true }));

/** The pixels of a small picture. Its height is odd after halving, so that sides are worked out while the model runs. */
async function pixelsOf(
  server: TestServer,
  checkpoint: keyof typeof checkpoints,
  precision: 'auto' | 'fp32' | 'int8' = 'auto',
): Promise<Buffer> {
  const request = { prompt: 'a cat', width: 64, height: 72, steps: 2, seed: 1, checkpoint, precision };
  const { jobId } = await server.call(createTxt2ImgJob, request);
  const job = await server.job(jobId);
  expect(job).toMatchObject({ phase: 'done' });
  const file = await server.fetch(`/api/pictures/${job.pictures[0].id}/file`);
  return await sharp(await file.arrayBuffer())
    .raw()
    .toBuffer();
}

/** What was chosen, once the engine has said so: it does when a job has ended. */
async function memoryChoice(server: TestServer, settings: SettingsPatch) {
  await server.call(changeSettings, settings);
  const pixels = await pixelsOf(server, 'one');
  const chosen = async () => (await server.call(getStatus)).engine.modelMemory;
  await expect.poll(chosen).not.toBeNull();
  return { pixels, chosen: await chosen() };
}

test('switching between checkpoints, there and back, changes no picture', async () => {
  const server = await startServer({ checkpoints });
  const first = { one: await pixelsOf(server, 'one'), two: await pixelsOf(server, 'two') };
  expect(first.one.equals(first.two)).toBe(false);
  for (const checkpoint of ['one', 'two'] as const) expect((await pixelsOf(server, checkpoint)).equals(first[checkpoint])).toBe(true);
  await server.stop();
});

test('whether networks stay open or make room changes no picture, and the status says which and why', async () => {
  const server = await startServer({ checkpoints });
  const auto = await memoryChoice(server, {});
  expect((await server.call(getStatus)).engine.guidance).toMatchObject({ together: true });
  expect(auto.chosen).toMatchObject({ policy: 'keep', because: expect.stringMatching(/GB are free/) as string });
  const swapped = await memoryChoice(server, { modelMemory: 'swap', livePreviews: true });
  expect(swapped.pixels.equals(auto.pixels)).toBe(true);
  await expect.poll(async () => (await server.call(getStatus)).engine.modelMemory).toMatchObject({ policy: 'swap' });
  await server.stop();
});

test('a job tells which network is being opened, and how much of it is read where it is copied', async () => {
  const server = await startServer({ checkpoints });
  await server.call(changeSettings, { prepack: true });
  const seen: Loading[] = [];
  server.socket().on('job:changed', (job: Job) => job.phase === 'running' && job.progress.loading && seen.push(job.progress.loading));
  await pixelsOf(server, 'one');
  await expect.poll(() => [...new Set(seen.map(({ network }) => network))]).toEqual(['text encoder', 'diffusion model', 'VAE']);
  const copied = seen.flatMap(({ network, bytes }) => (network === 'diffusion model' && bytes ? [bytes] : []));
  expect(copied.at(-1)!.read).toBe(copied.at(-1)!.of);
  expect(seen.at(-1)).toMatchObject({ opened: 2, of: 3 });
  await server.stop();
});

test('prepacked weights make the same picture in every precision, in a device process of another kind', async () => {
  const server = await startServer({ checkpoints });
  const precisions = ['fp32', 'int8'] as const;
  const mapped = [];
  for (const precision of precisions) mapped.push(await pixelsOf(server, 'one', precision));
  const { device } = server.children();
  await server.call(changeSettings, { prepack: true });
  for (const [i, precision] of precisions.entries()) {
    const prepacked = await pixelsOf(server, 'one', precision);
    const largest = mapped[i].reduce((most, value, at) => Math.max(most, Math.abs(value - prepacked[at])), 0);
    expect(largest, precision).toBeLessThanOrEqual(2); // sums in another order
  }
  expect(server.children().device).not.toBe(device);
  await server.stop();
});

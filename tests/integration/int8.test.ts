import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { changeSettings, createTxt2ImgJob, type Job, type Txt2ImgInput } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import sharp from 'sharp';
import { afterAll, afterEach, expect, test } from 'vitest';
import { endServers, startServer, type TestServer } from '../support/start-server.js';

const folder = mkdtempSync(path.join(tmpdir(), 'int8-'));
const checkpoints = {
  one: tinyCheckpoint('sd15', { folder, name: 'one', seed: 1 }),
  two: tinyCheckpoint('sd15', { folder, name: 'two', seed: 2 }),
};
afterEach(endServers);
afterAll(() => rmSync(folder, { recursive: true }));

const request = { prompt: 'a cat', width: 64, height: 72, steps: 2, seed: 1, checkpoint: 'one', precision: 'int8' } satisfies Txt2ImgInput;

async function jobOf(server: TestServer, input: Txt2ImgInput): Promise<{ job: Job; png: Buffer }> {
  const { jobId } = await server.call(createTxt2ImgJob, input);
  const job = await server.job(jobId);
  expect(job).toMatchObject({ phase: 'done' });
  const file = await server.fetch(`/api/pictures/${job.pictures[0].id}/file`);
  return { job, png: Buffer.from(await file.arrayBuffer()) };
}

async function pixelsOf(png: Buffer): Promise<Buffer> {
  return await sharp(png).raw().toBuffer();
}

function copies({ folders }: TestServer): string[] {
  const cache = path.join(folders.data, 'cache', 'weights');
  return readdirSync(cache).map((name) => path.join(cache, name));
}

test('a picture in int8 says so, is nearly that in fp32, and its request makes it again', async () => {
  const server = await startServer({ checkpoints });
  const { job, png } = await jobOf(server, request);
  const [parameters] = (await sharp(png).metadata()).comments ?? [];
  expect(parameters).toMatchObject({ keyword: 'parameters', text: expect.stringContaining(', Precision: int8, ') as string });
  const again = await jobOf(server, job.request);
  expect(again.png.equals(png)).toBe(true);

  const inFull = await jobOf(server, { ...request, precision: 'fp32' });
  expect(inFull.job.pictures[0].parameters).not.toContain('Precision');
  const [inEight, exact] = [await pixelsOf(png), await pixelsOf(inFull.png)];
  const mean = inEight.reduce((sum, value, i) => sum + Math.abs(value - exact[i]), 0) / exact.length;
  expect(mean).toBeGreaterThan(0);
  expect(mean).toBeLessThan(4);
  await server.stop();
});

test('one copy of the weights serves every size and the next start, and is made anew when it is damaged', async () => {
  const first = await startServer({ checkpoints });
  const { png } = await jobOf(first, request);
  await jobOf(first, { ...request, width: 96 });
  expect(copies(first)).toHaveLength(1);
  const [file] = copies(first);
  const { ino, size } = statSync(file);
  await first.stop();

  const second = await startServer({ checkpoints, home: first.home });
  expect((await jobOf(second, request)).png.equals(png)).toBe(true);
  expect(statSync(file).ino).toBe(ino);
  await second.stop();
  truncateSync(file, size / 2);

  const third = await startServer({ checkpoints, home: first.home });
  expect((await jobOf(third, request)).png.equals(png)).toBe(true);
  expect(statSync(file).size).toBe(size);
  await third.stop();
});

test('copies make room for each other within the bound of the settings, and no picture changes by it', async () => {
  const server = await startServer({ checkpoints });
  await server.call(changeSettings, { weightCacheGb: 0 });
  const { png } = await jobOf(server, request);
  const [file] = copies(server);
  await jobOf(server, { ...request, checkpoint: 'two' });
  expect(copies(server)).toHaveLength(1);
  expect(copies(server)).not.toContain(file);
  expect((await jobOf(server, request)).png.equals(png)).toBe(true);
  expect(copies(server)).toEqual([file]);
  await server.stop();
});

test('prepacked, int8 makes the same picture', async () => {
  const server = await startServer({ checkpoints });
  const mapped = await pixelsOf((await jobOf(server, request)).png);
  await server.call(changeSettings, { prepack: true });
  const prepacked = await pixelsOf((await jobOf(server, request)).png);
  const largest = mapped.reduce((most, value, at) => Math.max(most, Math.abs(value - prepacked[at])), 0);
  expect(largest).toBeLessThanOrEqual(8); // sums in another order, which may round to another of 256 steps
  await server.stop();
});

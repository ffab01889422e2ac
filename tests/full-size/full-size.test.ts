import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createTxt2ImgJob } from '@atelier/sdk/contracts';
import sharp from 'sharp';
import { afterAll, afterEach, expect, test } from 'vitest';
import { writeFullSize } from '../../scripts/full-size.mjs';
import { ProcessWatch } from '../../scripts/measure/processes.mjs';
import { endServers, startServer } from '../support/start-server.js';

const GIGABYTE = 1e9;

/** Names and shapes of published checkpoints, all weights random and in half precision; each at the size it was made for. */
const checkpoints = [
  { name: 'sd15', sidePx: 512 },
  { name: 'sdxl-base', sidePx: 1024 },
  { name: 'sd3-medium', sidePx: 1024 },
];

const folder = mkdtempSync(path.join(os.tmpdir(), 'atelier-full-size-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(endServers);

test.each(checkpoints)('a checkpoint of the size of $name goes through HTTP to a PNG', async ({ name, sidePx }) => {
  const file = writeFullSize(name, { type: 'fp16', folder });
  const server = await startServer({ checkpoints: { [name]: file } });
  await server.ready();
  const watch = new ProcessWatch(server.pid);
  const beganAt = performance.now();
  const { jobId } = await server.call(createTxt2ImgJob, { prompt: 'a cat', width: sidePx, height: sidePx, steps: 2, seed: 1 });
  const job = await server.job(jobId);
  const { pictures } = job;
  const seconds = (performance.now() - beganAt) / 1000;
  watch.stop();
  expect(job).toMatchObject({ phase: 'done' });

  const png = sharp(Buffer.from(await (await server.fetch(`/api/pictures/${pictures[0].id}/file`)).arrayBuffer()));
  expect(await png.metadata()).toMatchObject({ format: 'png', width: sidePx, height: sidePx });
  const { channels } = await png.stats();
  expect(Math.max(...channels.map(({ stdev }) => stdev)), 'a picture that is more than one colour').toBeGreaterThan(1);

  const { own, resident } = watch.peaks();
  const gigabytes = (bytes: number): string => `${(bytes / GIGABYTE).toFixed(1)} GB`;
  console.log(
    `${name}: ${gigabytes(statSync(file).size)} file, ${sidePx} px, 2 steps in ${seconds.toFixed(0)} s; the device held at most ` +
      `${gigabytes(own)} of its own, ${gigabytes(resident)} with mapped files`,
  );
  rmSync(file);
});

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

/** Names and shapes of published checkpoints; all weights are random and in half precision. */
const checkpoints = ['sd15', 'sdxl-base', 'sd3-medium'];
/** Smaller than the larger ones were made for: memory beside the weights grows with it, and so do the minutes. */
const SIDE_PX = 512;

const folder = mkdtempSync(path.join(os.tmpdir(), 'atelier-full-size-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(endServers);

test.each(checkpoints)('a checkpoint of the size of %s goes through HTTP to a PNG', async (name) => {
  const file = writeFullSize(name, { type: 'fp16', folder });
  const server = await startServer({ checkpoints: { [name]: file } });
  await server.ready();
  const watch = new ProcessWatch(server.pid);
  const beganAt = performance.now();
  const { jobId } = await server.call(createTxt2ImgJob, { prompt: 'a cat', width: SIDE_PX, height: SIDE_PX, steps: 2, seed: 1 });
  const job = await server.job(jobId);
  const { pictures } = job;
  const seconds = (performance.now() - beganAt) / 1000;
  watch.stop();
  expect(job).toMatchObject({ phase: 'done' });

  const png = sharp(Buffer.from(await (await server.fetch(`/api/pictures/${pictures[0].id}/file`)).arrayBuffer()));
  expect(await png.metadata()).toMatchObject({ format: 'png', width: SIDE_PX, height: SIDE_PX });
  const { channels } = await png.stats();
  expect(Math.max(...channels.map(({ stdev }) => stdev)), 'a picture that is more than one colour').toBeGreaterThan(1);

  const { own, resident } = watch.peaks();
  const gigabytes = (bytes: number): string => `${(bytes / GIGABYTE).toFixed(1)} GB`;
  console.log(
    `${name}: ${gigabytes(statSync(file).size)} file, ${SIDE_PX} px, 2 steps in ${seconds.toFixed(0)} s; the device held at most ` +
      `${gigabytes(own)} of its own, ${gigabytes(resident)} with mapped files`,
  );
  rmSync(file);
});

import { readFileSync, readdirSync, existsSync } from 'node:fs';
import path from 'node:path';
import {
  cancelJob,
  changeExtension,
  createTxt2ImgJob,
  getStatus,
  listExtensions,
  listJobs,
  listPictures,
  skipPicture,
  stopJob,
} from '@atelier/sdk/contracts';
import { afterEach, expect, test } from 'vitest';
import { root } from '../support/repository.js';
import { endServers, startServer } from '../support/start-server.js';

afterEach(endServers);

/** So small and short that it takes a moment on the tiny checkpoint. */
const small = { prompt: 'a cat', width: 64, height: 64, steps: 2, seed: 1 };
/** Long enough to be met while it runs. */
const long = { ...small, steps: 150, batchCount: 100 };

test('a request becomes a job, the job a picture, and the picture a file that browsers may keep', async () => {
  const server = await startServer();
  const { jobId } = await server.call(createTxt2ImgJob, { ...small, batchCount: 2, batchSize: 2 });
  const job = await server.job(jobId);
  expect(job).toMatchObject({ phase: 'done', pictureCount: 4, request: { checkpoint: 'tiny', sampler: 'dpmpp-2m' } });
  expect(job.pictures.map(({ seed }) => seed)).toEqual([1, 2, 3, 4]);

  const { pictures, total } = await server.call(listPictures, { limit: 3 });
  expect(total).toBe(4);
  expect(pictures.map(({ index }) => index)).toEqual([3, 2, 1]);
  const file = await server.fetch(`/api/pictures/${pictures[0].id}/file`);
  expect(file.headers.get('content-type')).toBe('image/png');
  expect(file.headers.get('cache-control')).toContain('immutable');
  const bytes = Buffer.from(await file.arrayBuffer());
  expect(bytes.equals(readFileSync(path.join(server.folders.outputs, pictures[0].file)))).toBe(true);
  expect(await server.stop()).toBe(0);
});

test('kill -9: finished jobs are still there, the one that ran goes on with its next picture, those that waited run', async () => {
  const first = await startServer();
  const done = await first.call(createTxt2ImgJob, small);
  await first.job(done.jobId);
  const cut = await first.call(createTxt2ImgJob, { ...small, steps: 40, batchCount: 6 });
  const waiting = await first.call(createTxt2ImgJob, { ...small, seed: 7 });
  const before = await first.job(cut.jobId, ({ pictures }) => pictures.length > 0);
  const { sequence } = await first.call(listJobs);
  await first.kill();

  const second = await startServer({ home: first.home });
  expect(await second.job(done.jobId)).toMatchObject({ phase: 'done', pictures: [{ seed: 1 }] });
  const after = await second.job(cut.jobId);
  expect(after.phase).toBe('done');
  expect(after.pictures.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(after.pictures.map(({ id }) => id)).toEqual(expect.arrayContaining(before.pictures.map(({ id }) => id)));
  expect(await second.job(waiting.jobId)).toMatchObject({ phase: 'done', pictures: [{ seed: 7 }] });
  expect((await second.call(listJobs)).sequence).toBeGreaterThan(sequence);
  for (const { file } of (await second.call(listPictures)).pictures) expect(existsSync(path.join(second.folders.outputs, file))).toBe(true);
  await second.stop();
});

test('an engine that is ended from outside fails the job it was at, comes back, and the next job works', async () => {
  const server = await startServer();
  const { jobId } = await server.call(createTxt2ImgJob, long);
  const next = await server.call(createTxt2ImgJob, small);
  await server.job(jobId, (job) => job.phase === 'running' && job.progress.step > 2);
  process.kill(server.children().engine, 'SIGKILL');
  expect(await server.job(jobId)).toMatchObject({ phase: 'failed', error: { code: 'engine-ended' } });
  expect(await server.job(next.jobId)).toMatchObject({ phase: 'done' });
  const { engine } = await server.call(getStatus);
  expect(engine).toMatchObject({ state: 'ready', lastIncident: { code: 'engine-ended' } });
  await server.stop();
});

test('a device that is ended from outside fails the job it was at, and the next job works', async () => {
  const server = await startServer();
  const { jobId } = await server.call(createTxt2ImgJob, long);
  const next = await server.call(createTxt2ImgJob, small);
  await server.job(jobId, (job) => job.phase === 'running' && job.progress.step > 2);
  process.kill(server.children().device!, 'SIGKILL');
  expect(await server.job(jobId)).toMatchObject({ phase: 'failed', error: { code: expect.stringMatching(/^device-/) as string } });
  expect(await server.job(next.jobId)).toMatchObject({ phase: 'done' });
  await server.stop();
});

test('an engine that no longer answers is ended, and the job says so', async () => {
  const server = await startServer({ env: { ATELIER_HEARTBEAT_MS: '2000' } });
  const { jobId } = await server.call(createTxt2ImgJob, long);
  await server.job(jobId, (job) => job.phase === 'running' && job.progress.step > 2);
  process.kill(server.children().engine, 'SIGSTOP');
  expect(await server.job(jobId)).toMatchObject({ phase: 'failed', error: { code: 'engine-hung' } });
  const next = await server.call(createTxt2ImgJob, small);
  expect(await server.job(next.jobId)).toMatchObject({ phase: 'done' });
  await server.stop();
});

test('an extension that loops for ever is named on the job and stays off until someone switches it on again', async () => {
  const extension = path.join(root, 'tests/extensions/fixtures/loops-for-ever');
  const server = await startServer({ env: { ATELIER_HEARTBEAT_MS: '2000' }, extensions: [extension] });
  const { jobId } = await server.call(createTxt2ImgJob, { ...small, prompt: 'a loop' });
  const blamed = { code: 'engine-hung', extension: 'loops-for-ever', hook: 'transformPrompt' };
  expect(await server.job(jobId)).toMatchObject({ phase: 'failed', error: blamed });
  const next = await server.call(createTxt2ImgJob, small);
  expect(await server.job(next.jobId)).toMatchObject({ phase: 'done' });
  const state = async () => (await server.call(listExtensions)).extensions.find(({ id }) => id === 'loops-for-ever');
  expect(await state()).toMatchObject({ state: 'disabled', error: blamed });
  expect(await server.call(changeExtension, { id: 'loops-for-ever', enabled: true })).toMatchObject({ state: 'active' });
  expect(await server.call(changeExtension, { id: 'loops-for-ever', enabled: false })).toMatchObject({ state: 'disabled' });
  await server.stop();
});

test('a waiting job is cancelled at once; a running one at its next yield point, with or without what is there', async () => {
  const server = await startServer();
  const running = await server.call(createTxt2ImgJob, long);
  const waiting = await server.call(createTxt2ImgJob, small);
  await server.job(running.jobId, (job) => job.phase === 'running' && job.progress.step > 2);
  expect(await server.call(cancelJob, { id: waiting.jobId })).toMatchObject({ phase: 'cancelled', pictures: [] });
  await server.call(cancelJob, { id: running.jobId });
  expect((await server.job(running.jobId)).phase).toBe('cancelled');

  const kept = await server.call(createTxt2ImgJob, { ...long, batchCount: 1 });
  await server.job(kept.jobId, (job) => job.phase === 'running' && job.progress.step > 2);
  await server.call(cancelJob, { id: kept.jobId, keep: true });
  expect(await server.job(kept.jobId)).toMatchObject({ phase: 'cancelled', pictures: [{ index: 0 }] });

  expect(await server.refusal(cancelJob, { id: kept.jobId })).toMatchObject({ status: 409, code: 'job-already-finished' });
  expect(await server.refusal(cancelJob, { id: 'nobody' })).toMatchObject({ status: 404, code: 'job-not-found' });
  await server.stop();
});

test('"stop now" ends the device under the job, which ends as cancelled; the next job opens the model again', async () => {
  const server = await startServer();
  const { jobId } = await server.call(createTxt2ImgJob, long);
  await server.job(jobId, (job) => job.phase === 'running' && job.progress.step > 2);
  const { device } = server.children();
  await server.call(stopJob, { id: jobId });
  expect((await server.job(jobId)).phase).toBe('cancelled');
  const next = await server.call(createTxt2ImgJob, small);
  expect(await server.job(next.jobId)).toMatchObject({ phase: 'done' });
  expect(server.children().device).not.toBe(device);
  await server.stop();
});

test('"skip" leaves out the batch being made; the job goes on with the next', async () => {
  const server = await startServer();
  const { jobId } = await server.call(createTxt2ImgJob, { ...small, steps: 150, batchCount: 3 });
  await server.job(jobId, (job) => job.phase === 'running' && job.progress.picture === 0 && job.progress.step > 2);
  await server.call(skipPicture, { id: jobId });
  const job = await server.job(jobId);
  expect(job.phase).toBe('done');
  expect(job.pictures.map(({ index }) => index)).toEqual([1, 2]);
  await server.stop();
});

test('a job put in front runs before those that wait, and each says how many are ahead of it', async () => {
  const server = await startServer();
  const running = await server.call(createTxt2ImgJob, long);
  await server.job(running.jobId, ({ phase }) => phase === 'running');
  const later = await server.call(createTxt2ImgJob, small);
  const sooner = await server.call(createTxt2ImgJob, { ...small, place: 'front' });
  expect(await server.job(sooner.jobId, () => true)).toMatchObject({ phase: 'queued', ahead: 1 });
  expect(await server.job(later.jobId, () => true)).toMatchObject({ phase: 'queued', ahead: 2 });
  await server.call(cancelJob, { id: running.jobId });
  const [a, b] = await Promise.all([server.job(sooner.jobId), server.job(later.jobId)]);
  expect(a.startedAt! < b.startedAt!).toBe(true);
  await server.stop();
});

test('ending the server in good order leaves no process behind, and the job it was at runs at the next start', async () => {
  const server = await startServer();
  const { jobId } = await server.call(createTxt2ImgJob, { ...small, steps: 100 });
  await server.job(jobId, (job) => job.phase === 'running' && job.progress.step > 2);
  const { engine, device } = server.children();
  expect(await server.stop()).toBe(0);
  for (const pid of [engine, device!]) expect(readdirSync('/proc')).not.toContain(String(pid));
  const again = await startServer({ home: server.home });
  expect(await again.job(jobId)).toMatchObject({ phase: 'done' });
  await again.stop();
});

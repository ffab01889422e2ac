import { changeSettings, createTxt2ImgJob, listJobs, type Job, type JobPreview } from '@atelier/sdk/contracts';
import { afterEach, expect, test } from 'vitest';
import { endServers, heard, startServer } from '../support/start-server.js';

afterEach(endServers);

const small = { prompt: 'a cat', width: 64, height: 64, steps: 8, seed: 1 };

test('every page sees a job from the queue to its end, with a preview in bytes', async () => {
  const server = await startServer();
  const [one, two] = [server.socket(), server.socket()];
  await Promise.all([heard(one, 'connect'), heard(two, 'connect')]);
  const seen: Job[] = [];
  one.on('job:changed', (job: Job) => seen.push(job));
  const preview = heard<JobPreview>(two, 'job:preview');
  const { jobId } = await server.call(createTxt2ImgJob, small);
  await server.job(jobId);
  await expect.poll(() => seen.at(-1)?.phase).toBe('done');

  expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(['queued', 'running', 'done']);
  const numbers = seen.map(({ sequence }) => sequence);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  const { png, jobId: previewed } = await preview;
  expect(previewed).toBe(jobId);
  expect(Buffer.from(png).subarray(1, 4).toString()).toBe('PNG');
  await server.stop();
});

test('a page that was away gets what changed meanwhile, and the number to ask from next time', async () => {
  const server = await startServer();
  const early = await server.call(createTxt2ImgJob, small);
  await server.job(early.jobId);
  const { sequence } = await server.call(listJobs);
  const missed = await server.call(createTxt2ImgJob, { ...small, seed: 2 });
  const { sequence: last } = await server.job(missed.jobId);

  const socket = server.socket();
  const told: Job[] = [];
  socket.on('job:changed', (job: Job) => told.push(job));
  const answer = (await socket.emitWithAck('jobs:since', { sequence })) as { sequence: number };
  expect(told.map(({ id, phase }) => [id, phase])).toEqual([[missed.jobId, 'done']]);
  expect(answer.sequence).toBe(last);
  await server.stop();
});

test('a message that is not understood is answered by name, and the socket stays', async () => {
  const server = await startServer();
  const socket = server.socket();
  const refused = heard(socket, 'exception');
  const answer: unknown = await socket.emitWithAck('jobs:since', { sequence: 'all' });
  expect(answer).toMatchObject({ error: { code: 'request-invalid' } });
  expect(await refused).toMatchObject({ code: 'request-invalid', message: expect.stringContaining('"sequence"') as string });
  expect(await socket.emitWithAck('jobs:since', { sequence: 0 })).toMatchObject({ sequence: expect.any(Number) as number });
  await server.stop();
});

test('a change of the settings reaches every page', async () => {
  const server = await startServer();
  await server.ready();
  const socket = server.socket();
  await heard(socket, 'connect');
  const told = heard(socket, 'settings:changed');
  await server.call(changeSettings, { livePreviews: false });
  expect(await told).toMatchObject({ livePreviews: false });
  await server.stop();
});

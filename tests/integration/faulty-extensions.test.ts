import path from 'node:path';
import { createTxt2ImgJob, listExtensions, type ExtensionEntry, type Job } from '@atelier/sdk/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../support/repository.js';
import { endServers, startServer, type TestServer } from '../support/start-server.js';

const fixtures = ['throws-while-loading', 'invalid-manifest', 'throws-in-a-tap', 'returns-nothing', 'strays'];

let server: TestServer;
let engine: number;

beforeAll(async () => {
  server = await startServer({ extensions: fixtures.map((name) => path.join(root, 'tests/extensions/fixtures', name)) });
  await server.ready();
  engine = server.children().engine;
});
afterAll(endServers);

async function paint(prompt: string): Promise<Job> {
  const { jobId } = await server.call(createTxt2ImgJob, { prompt, width: 64, height: 64, steps: 2 });
  return await server.job(jobId);
}

async function pageOf(extension: string): Promise<ExtensionEntry | undefined> {
  return (await server.call(listExtensions)).extensions.find(({ id }) => id === extension);
}

test('extensions that cannot be loaded are shown with the stage and the reason, and jobs run without them', async () => {
  expect(await pageOf('throws-while-loading')).toMatchObject({
    state: 'failed',
    stage: 'activated',
    error: { extension: 'throws-while-loading' },
  });
  expect(await pageOf('invalid-manifest')).toMatchObject({ state: 'failed', stage: 'checked' });
  expect(await paint('a cat')).toMatchObject({ phase: 'done', warnings: [] });
});

test('a tap that throws fails its job by name, and the next job works', async () => {
  const fault = { code: 'extension-fault', extension: 'throws-in-a-tap', hook: 'transformPrompt' };
  expect(await paint('throw')).toMatchObject({ phase: 'failed', error: fault });
  expect(await paint('a cat')).toMatchObject({ phase: 'done' });
  expect((await pageOf('throws-in-a-tap'))?.faults).toContainEqual(expect.objectContaining(fault));
});

test('an observer that throws is a warning on a job that is done', async () => {
  const fault = { extension: 'throws-in-a-tap', hook: 'onImageSaved' };
  expect(await paint('observe')).toMatchObject({ phase: 'done', warnings: [fault] });
  expect((await pageOf('throws-in-a-tap'))?.faults).toContainEqual(expect.objectContaining(fault));
});

test('a transform that returns nothing fails its job by name, and the next job works', async () => {
  const fault = { extension: 'returns-nothing', hook: 'transformPrompt' };
  const job = await paint('nothing');
  expect(job).toMatchObject({ phase: 'failed', error: { ...fault, message: expect.stringContaining('the tap returned nothing') } });
  expect(await paint('a cat')).toMatchObject({ phase: 'done' });
  expect((await pageOf('returns-nothing'))?.faults).toContainEqual(expect.objectContaining(fault));
});

test('an error that reaches nobody is noted on the page of its extension, and the engine goes on', async () => {
  expect(await paint('stray')).toMatchObject({ phase: 'done' });
  expect((await pageOf('strays'))?.faults).toContainEqual(expect.objectContaining({ message: expect.stringContaining('left alone') }));
});

test('through all of this the engine was the same process', () => {
  expect(server.children().engine).toBe(engine);
});

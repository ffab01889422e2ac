import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Txt2ImgRequest, type Job, type Picture } from '@atelier/sdk/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JobLedger } from '../../../../backend/src/jobs/job-ledger.js';

let file: string;
let ledger: JobLedger;
beforeEach(() => {
  file = path.join(mkdtempSync(path.join(os.tmpdir(), 'atelier-ledger-')), 'jobs.db');
  ledger = new JobLedger(file);
});
afterEach(async () => {
  await ledger.close();
  rmSync(path.dirname(file), { recursive: true });
});

const request = Txt2ImgRequest.parse({ prompt: 'a cat', batchCount: 3, seed: 1 });
const done = { phase: 'done', error: null, hookTimings: [] } as const;

function picture(jobId: string, index: number, id = `${jobId}-${index}`): Picture {
  return {
    id,
    jobId,
    index,
    seed: 1 + index,
    width: 64,
    height: 64,
    file: `${id}.png`,
    parameters: 'a cat',
    createdAt: new Date().toISOString(),
  };
}

/** As after `kill -9`: the same file, opened anew. */
async function reopen(): Promise<void> {
  await ledger.close();
  ledger = new JobLedger(file);
}

test('jobs run in the order they came, except those put in front', async () => {
  const [a, b] = [await ledger.add(request, 'back'), await ledger.add(request, 'back')];
  const c = await ledger.add(request, 'front');
  const order: (string | undefined)[] = [];
  for (let job = await ledger.begin(); job; job = await ledger.begin()) {
    order.push(job.id);
    await ledger.finish(job.id, done);
  }
  expect(order).toEqual([c.id, a.id, b.id]);
});

test('a job that ran when the server ended is queued in front, with its pictures; after three times it fails', async () => {
  const { id } = await ledger.add(request, 'back');
  await ledger.add(request, 'back');
  for (let attempt = 0; attempt < 3; attempt++) {
    expect((await ledger.begin())?.id).toBe(id);
    await ledger.addPicture(picture(id, attempt));
    await reopen();
  }
  expect(await ledger.find(id)).toMatchObject({
    phase: 'failed',
    error: { code: 'job-given-up' },
    pictures: [{ index: 0 }, { index: 1 }, { index: 2 }],
  });
});

test('change numbers rise for ever, also across restarts and when they belonged to progress alone', async () => {
  const { id } = await ledger.add(request, 'back');
  await ledger.begin();
  const progress = { stage: 'sampling', picture: 0, step: 1, steps: 20, fraction: 0.1 } as const;
  const { sequence } = await ledger.setProgress(id, progress);
  await reopen();
  expect(await ledger.sequence()).toBeGreaterThan(sequence);
});

test('every change is announced with the whole job, and can be asked for later', async () => {
  const told: Job[] = [];
  ledger.onChange((job) => told.push(job));
  const first = await ledger.add(request, 'back');
  const second = await ledger.add(request, 'back');
  await ledger.begin();
  expect(told.map((job) => [job.id, job.phase, job.phase === 'queued' ? job.ahead : null])).toEqual([
    [first.id, 'queued', 0],
    [second.id, 'queued', 1],
    [second.id, 'queued', 1],
    [first.id, 'running', null],
  ]);
  const before = await ledger.sequence();
  await ledger.finish(first.id, done);
  expect((await ledger.changedSince(before)).map(({ id, phase }) => [id, phase])).toEqual([
    [first.id, 'done'],
    [second.id, 'queued'],
  ]);
});

test('a picture that is made a second time does not replace the first', async () => {
  const { id } = await ledger.add(request, 'back');
  await ledger.addPicture(picture(id, 0, 'first'));
  await ledger.addPicture(picture(id, 0, 'second'));
  expect((await ledger.find(id)).pictures.map((entry) => entry.id)).toEqual(['first']);
});

test('only a job that waits can be cancelled in the ledger', async () => {
  const { id } = await ledger.add(request, 'back');
  await ledger.begin();
  expect(await ledger.cancelQueued(id)).toBeUndefined();
  const other = await ledger.add(request, 'back');
  expect(await ledger.cancelQueued(other.id)).toMatchObject({ phase: 'cancelled' });
});

test('a job is begun by one caller only, however many ask at once', async () => {
  const [{ id }] = [await ledger.add(request, 'back')];
  const begun = await Promise.all([ledger.begin(), ledger.begin(), ledger.cancelQueued(id)]);
  expect(begun.filter(Boolean)).toHaveLength(1);
});

test('lists are cut into pages by the last id, the newest first', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.unshift((await ledger.add(request, 'back')).id);
  const first = await ledger.list({ limit: 2 });
  const second = await ledger.list({ limit: 2, before: first[1].id });
  expect([...first, ...second].map(({ id }) => id)).toEqual(ids.slice(0, 4));
  await expect(ledger.list({ limit: 2, before: 'nobody' })).rejects.toThrow('nobody');
});

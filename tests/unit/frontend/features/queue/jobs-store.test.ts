// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useJobsStore } from '../../../../../frontend/src/features/queue/jobs-store.js';
import { aJob } from '../../a-job.js';

beforeEach(() => setActivePinia(createPinia()));
afterEach(() => vi.unstubAllGlobals());

const progress = { stage: 'sampling', picture: 0, step: 1, steps: 20, fraction: 0.05 };

test('an event carries the whole job, and one that comes late is ignored', () => {
  const jobs = useJobsStore();
  jobs.receive(aJob({ phase: 'running', progress, sequence: 5 }));
  jobs.receive(aJob({ phase: 'queued', ahead: 0, sequence: 4 }));
  expect(jobs.running?.sequence).toBe(5);
  expect(jobs.waitingCount).toBe(1);
});

test('waiting jobs stand in the order in which they will run', () => {
  const jobs = useJobsStore();
  jobs.receive(aJob({ id: 'late', ahead: 2, sequence: 1 }));
  jobs.receive(aJob({ id: 'front', ahead: 1, sequence: 2, createdAt: '2026-01-01T11:00:00.000Z' }));
  expect(jobs.queued.map(({ id }) => id)).toEqual(['front', 'late']);
});

test('the first time everything recent is loaded, after an interruption only what was missed is asked for', async () => {
  const jobs = useJobsStore();
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ jobs: [aJob({ sequence: 7 })], sequence: 9 })));
  const asked: number[] = [];
  await jobs.catchUp((sequence) => asked.push(sequence));
  expect(asked).toEqual([]);
  await jobs.catchUp((sequence) => asked.push(sequence));
  expect(asked).toEqual([9]);
});

test('a preview is shown until its job ends', () => {
  const jobs = useJobsStore();
  jobs.receive(aJob({ phase: 'running', progress, sequence: 1 }));
  jobs.receivePreview({ jobId: 'j1', picture: 0, step: 3, png: new Uint8Array([1]) });
  expect(jobs.previews.get('j1')).toMatchObject({ picture: 0, step: 3 });
  jobs.receive(aJob({ phase: 'done', sequence: 2 }));
  expect(jobs.previews.has('j1')).toBe(false);
});

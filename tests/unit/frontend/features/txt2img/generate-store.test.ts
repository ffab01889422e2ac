// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useGenerateStore } from '../../../../../frontend/src/features/txt2img/generate-store.js';
import { useJobsStore } from '../../../../../frontend/src/features/queue/jobs-store.js';
import { aJob } from '../../a-job.js';

let sent: string[];
beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
  sent = [];
  vi.stubGlobal('fetch', (path: string) => {
    sent.push(path);
    return Promise.resolve(Response.json({ jobId: `j${sent.length}` }, { status: 201 }));
  });
});
afterEach(() => vi.unstubAllGlobals());

test('forever: the next one is sent when the last one is done, until it is stopped', async () => {
  const generate = useGenerateStore();
  const jobs = useJobsStore();
  await generate.generateForever();
  expect(sent).toHaveLength(1);
  jobs.receive(aJob({ id: 'j1', sequence: 1 }));
  jobs.receive(aJob({ id: 'j1', phase: 'done', sequence: 2 }));
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  generate.stopForever();
  jobs.receive(aJob({ id: 'j2', sequence: 3 }));
  jobs.receive(aJob({ id: 'j2', phase: 'done', sequence: 4 }));
  await new Promise((resolve) => setTimeout(resolve));
  expect(sent).toHaveLength(2);
});

test.each(['failed', 'cancelled'])('a job that %s ends forever', async (phase) => {
  const generate = useGenerateStore();
  await generate.generateForever();
  const error = { code: 'x', message: 'm', hint: '', kind: 'invalid' };
  useJobsStore().receive(aJob({ id: 'j1', phase, error, sequence: 1 }));
  await vi.waitFor(() => expect(generate.isForever).toBe(false));
  expect(sent).toHaveLength(1);
});

test('a request that is refused says why, and ends forever', async () => {
  vi.stubGlobal('fetch', () =>
    Promise.resolve(Response.json({ code: 'steps-out-of-range', message: 'No.', hint: 'Less.', kind: 'invalid' }, { status: 400 })),
  );
  const generate = useGenerateStore();
  await generate.generateForever();
  expect(generate.error).toMatchObject({ code: 'steps-out-of-range', hint: 'Less.' });
  expect(generate.isForever).toBe(false);
});

test('Generate next asks for the front of the queue', async () => {
  await useGenerateStore().generate('front');
  expect(sent).toEqual(['/api/txt2img?place=front']);
});

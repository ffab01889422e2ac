import { expect, test } from 'vitest';
import { fill } from '@atelier/sdk/ui';
import { duration, progressSentence, shortened } from '../../../../../frontend/src/features/queue/progress-sentence.js';
import { aJob } from '../../a-job.js';

const say = (change: Record<string, unknown>, ahead?: ReturnType<typeof aJob>) => progressSentence(aJob(change), fill, ahead);
const running = (progress: Record<string, unknown>, request = {}) =>
  say({ phase: 'running', request, progress: { stage: 'sampling', picture: 0, step: 14, steps: 28, fraction: 0.5, ...progress } });

test('a waiting job says its place and behind whom', () => {
  expect(say({ ahead: 0 })).toEqual({ what: 'Waiting', detail: 'next' });
  expect(say({ ahead: 1 }, aJob({ id: 'j0' }))).toEqual({
    what: 'Waiting',
    detail: 'number 2 in the queue · behind “a lighthouse on the sea”',
  });
});

test('there is no speed and no time left until the engine has one', () => {
  expect(running({})).toEqual({ what: 'Sampling', detail: 'step 14 / 28' });
  expect(running({ stepsPerSecond: 3.6, secondsLeft: 4 }).detail).toBe('step 14 / 28 · 3.6 it/s · 4 s left');
});

test('slow steps are counted in seconds a step', () => expect(running({ stepsPerSecond: 0.25 }).detail).toBe('step 14 / 28 · 4.0 s/it'));

test('loading, reading and decoding do not count steps', () => {
  expect(running({ stage: 'loading' })).toEqual({ what: 'Loading the model', detail: '' });
  expect(running({ stage: 'decoding' }).detail).toBe('');
});

test('of several pictures it says which, of a batch which ones', () => {
  expect(running({ picture: 1 }, { batchCount: 4 }).what).toBe('Sampling · picture 2 of 4');
  expect(running({ picture: 2 }, { batchCount: 2, batchSize: 2 }).what).toBe('Sampling · pictures 3–4 of 4');
});

test('a job that waits for an extension names it', () => {
  expect(running({ waitingFor: { extension: 'slow', hook: 'transformPrompt', seconds: 12 } }).detail).toBe(
    'waiting for slow in transformPrompt',
  );
});

test('a finished one says how long it took, a failed one why', () => {
  expect(say({ phase: 'done', startedAt: '2026-01-01T10:00:00.000Z', finishedAt: '2026-01-01T10:02:05.000Z' }).detail).toBe(
    'took 2 min 5 s',
  );
  const error = { code: 'x', message: 'No wildcard.', hint: '', kind: 'invalid' };
  expect(say({ phase: 'failed', error })).toEqual({ what: 'Failed', detail: 'No wildcard.' });
});

test('seconds are written for people', () => {
  expect([0.2, 4.4, 60, 125, 3780].map(duration)).toEqual(['1 s', '4 s', '1 min', '2 min 5 s', '1 h 3 min']);
});

test('a prompt is shortened on one line', () => {
  expect(shortened('a\n b  c', fill)).toBe('a b c');
  expect(shortened('', fill)).toBe('no prompt');
  expect(shortened('a lighthouse on the sea at night with stars', fill, 12)).toBe('a lighthous…');
});

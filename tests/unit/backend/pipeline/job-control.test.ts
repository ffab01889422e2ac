import { ModelCallInterrupted } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { Interrupted, JobControl } from '../../../../backend/src/pipeline/job-control.js';

test('cancelling and skipping interrupt what runs; keeping does so while there is something to leave out', () => {
  for (const ask of ['cancel', 'skip'] as const) {
    const control = new JobControl();
    control.finishBatch();
    expect(control.wantsInterruption).toBe(false);
    control.request(ask);
    expect(control.wantsInterruption).toBe(true);
  }
  const keeping = new JobControl();
  keeping.request('keep');
  expect(keeping.wantsInterruption).toBe(true);
  keeping.finishBatch(); // what comes now makes the pictures that are to be kept
  expect(keeping.wantsInterruption).toBe(false);
});

test('an interruption is what was asked for only where someone asked', () => {
  const control = new JobControl();
  expect(control.caused(new Interrupted())).toBe(true);
  expect(control.caused(new ModelCallInterrupted())).toBe(false);
  control.request('cancel');
  expect(control.caused(new ModelCallInterrupted())).toBe(true);
  expect(control.caused(new Error('something else'))).toBe(false);
});

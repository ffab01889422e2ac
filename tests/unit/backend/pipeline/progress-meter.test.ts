import { expect, test } from 'vitest';
import { ProgressMeter } from '../../../../backend/src/pipeline/progress-meter.js';

function meterWithClock() {
  let now = 0;
  const meter = new ProgressMeter({ batchCount: 2, batchSize: 3, steps: 10 }, () => now);
  return { meter, wait: (ms: number) => (now += ms) };
}

test('no estimate until it means something, then speed and time left of the whole job', () => {
  const { meter, wait } = meterWithClock();
  meter.beginBatch(0);
  expect(meter.enter('loading')).toEqual({ stage: 'loading', picture: 0, step: 0, steps: 10, fraction: 0 });
  meter.enter('sampling');
  wait(900); // the first steps are slow and do not count
  expect(meter.stepDone(1, 10).secondsLeft).toBeUndefined();
  wait(500);
  expect(meter.stepDone(2, 10).stepsPerSecond).toBeUndefined();
  wait(250);
  expect(meter.stepDone(3, 10)).toMatchObject({ stepsPerSecond: 4, secondsLeft: 17 / 4 });
});

test('the bar only ever grows, over all batches', () => {
  const { meter } = meterWithClock();
  const seen: number[] = [];
  for (const firstPicture of [0, 3]) {
    meter.beginBatch(firstPicture);
    seen.push(meter.enter('encoding').fraction, meter.enter('sampling').fraction);
    for (let step = 1; step <= 10; step++) seen.push(meter.stepDone(step, 10).fraction);
    seen.push(meter.enter('decoding').fraction, meter.enter('saving').fraction);
  }
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(Math.max(...seen)).toBeLessThan(1);
});

test('the picture named is the first of the batch being made', () => {
  const { meter } = meterWithClock();
  meter.beginBatch(3);
  expect(meter.enter('sampling').picture).toBe(3);
});

test('while a network is opened the job is loading, and afterwards where it was', () => {
  const { meter } = meterWithClock();
  meter.beginBatch(0);
  meter.enter('sampling');
  const { fraction } = meter.stepDone(5, 10);
  const loading = { network: 'VAE', opened: 2, of: 3 };
  expect(meter.opening(loading)).toMatchObject({ stage: 'loading', loading, fraction });
  const after = meter.opening(null);
  expect(after).toMatchObject({ stage: 'sampling', fraction });
  expect(after.loading).toBeUndefined();
});

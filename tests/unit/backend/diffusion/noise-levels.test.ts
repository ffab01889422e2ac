import { defineSampler, tensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import {
  DefaultSchedulerMissing,
  effectiveScheduler,
  noiseLevels,
  startNoise,
  TooFewSteps,
} from '../../../../backend/src/diffusion/noise-levels.js';
import { ddim } from '../../../../backend/src/diffusion/samplers/ddim.js';
import { dpmpp2m } from '../../../../backend/src/diffusion/samplers/dpmpp-2m.js';
import { euler } from '../../../../backend/src/diffusion/samplers/euler.js';
import { automatic } from '../../../../backend/src/diffusion/schedulers/automatic.js';
import { schedulers } from '../../../../backend/src/diffusion/schedulers/index.js';
import { karras } from '../../../../backend/src/diffusion/schedulers/karras.js';
import { simple } from '../../../../backend/src/diffusion/schedulers/simple.js';
import { scaledLinearLevels, tableSampling } from '../../../../backend/src/diffusion/sigma-table.js';

const model = tableSampling(scaledLinearLevels(), 'eps');

test.each(schedulers.map((scheduler) => [scheduler.label, scheduler] as const))(
  '%s: levels fall from the highest to 0 for 1 to 150 steps',
  (_label, scheduler) => {
    for (let stepCount = 1; stepCount <= 150; stepCount++) {
      const levels = scheduler.levels(model, stepCount);
      expect(levels).toHaveLength(stepCount + 1);
      expect(levels[0]).toBeCloseTo(model.sigmaMax, 4);
      expect(levels[stepCount]).toBe(0);
      expect(levels.every((level, index) => index === 0 || level < levels[index - 1])).toBe(true);
    }
  },
);

test('Automatic is the sampler’s own schedule, and stays Automatic where it has none', () => {
  expect(effectiveScheduler(automatic, dpmpp2m, schedulers)).toBe(karras);
  expect(effectiveScheduler(automatic, euler, schedulers)).toBe(automatic);
  expect(effectiveScheduler(simple, dpmpp2m, schedulers)).toBe(simple);
});

test('a default schedule that nobody brought is an error with the ones there are', () => {
  const orphan = defineSampler({ id: 'orphan', label: 'Orphan', defaultScheduler: 'gone', async *steps() {} });
  expect(() => effectiveScheduler(automatic, orphan, schedulers)).toThrow(DefaultSchedulerMissing);
  expect(() => effectiveScheduler(automatic, orphan, schedulers)).toThrow('"gone"');
});

test('fewer steps than a sampler can do with are refused by name', () => {
  expect(() => noiseLevels({ sampler: ddim, scheduler: automatic, model, stepCount: 1 })).toThrow(TooFewSteps);
  expect(noiseLevels({ sampler: ddim, scheduler: automatic, model, stepCount: 2 })).toEqual([model.sigmas[501], model.sigmas[1]]);
});

test('a sampler that ends at the lowest level gets as many steps, the last of them to there', () => {
  const sampler = defineSampler({ id: 'to-lowest', label: 'To lowest', lastLevel: 'sigma-min', async *steps() {} });
  for (const scheduler of schedulers) {
    const levels = noiseLevels({ sampler, scheduler, model, stepCount: 5 });
    expect(levels).toHaveLength(6);
    expect(levels.at(-1)).toBe(model.sigmaMin);
    expect(levels.at(-2)).toBeGreaterThan(model.sigmaMin);
  }
});

test('the start is as strong as the first level; DDIM’s has unit variance in its own form', () => {
  const unit = tensor([1], Float64Array.of(1));
  expect(startNoise(unit, euler, 3).data[0]).toBe(3);
  expect(startNoise(unit, ddim, 3).data[0]).toBeCloseTo(Math.sqrt(10), 12);
});

import { defineSampler, tensor, type Sampler } from '@atelier/sdk';
import { expect, test } from 'vitest';
import {
  DefaultSchedulerMissing,
  effectiveScheduler,
  LevelsInvalid,
  noiseLevels,
  startNoise,
  type ScheduleChanges,
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
  '%s: levels fall to where the schedule says, for its least to 150 steps',
  (_label, scheduler) => {
    for (let stepCount = scheduler.minSteps; stepCount <= 150; stepCount++) {
      const levels = scheduler.levels(model, stepCount);
      expect(levels.every((level, index) => index === 0 || level < levels[index - 1])).toBe(true); // no NaN either
      expect(levels.at(-1)).toBeCloseTo(scheduler.lastLevel === 'zero' ? 0 : model.sigmaMin, 4);
    }
  },
);

/** Schedules that need not start at the highest level, nor have as many steps as were asked for: by timesteps, or as reForge has them. */
const inTheirWay = new Set([
  'ddim-uniform',
  'turbo',
  'beta-comfyui',
  'vp',
  'vp-comfyui',
  'karras-dynamic',
  'sinusoidal-sf',
  'invcosinusoidal-sf',
  'react-cosinusoidal-dynsf',
]);

test.each(schedulers.filter(({ id }) => !inTheirWay.has(id)).map((scheduler) => [scheduler.label, scheduler] as const))(
  '%s: as many steps as were asked for, from the highest level',
  (_label, scheduler) => {
    for (let stepCount = 2; stepCount <= 150; stepCount++) {
      const levels = scheduler.levels(model, stepCount);
      expect(levels).toHaveLength(stepCount + 1);
      expect(levels[0] / model.sigmaMax).toBeCloseTo(1, 4);
    }
  },
);

test('a schedule by timesteps gives a few steps more where they do not divide the thousand', () => {
  const ddimUniform = schedulers.find(({ id }) => id === 'ddim-uniform')!;
  expect(ddimUniform.levels(model, 30)).toHaveLength(32);
  expect(ddimUniform.levels(model, 20)).toHaveLength(21);
});

test('a schedule that cannot give so few steps refuses them by name', () => {
  const scheduler = schedulers.find(({ id }) => id === 'kl-optimal-comfyui')!;
  expect(() => noiseLevels({ sampler: euler, scheduler, model, stepCount: 1 })).toThrow(
    'The schedule "KL Optimal (ComfyUI)" needs at least 2',
  );
});

test('a sampler that discards the level before the last gets as many steps, and skips the lowest level', () => {
  const sampler = defineSampler({ id: 'discarding', label: 'Discarding', discardsNextToLast: true, async *steps() {} });
  const levels = noiseLevels({ sampler, scheduler: karras, model, stepCount: 5 });
  expect(levels).toEqual([...karras.levels(model, 6).slice(0, 5), 0]);
});

test('no two schedules answer to one name', () => {
  const names = schedulers.flatMap(({ id, label, aliases }) => [...new Set([id, label, ...aliases])]);
  expect(new Set(names).size).toBe(names.length);
});

test('Automatic is the sampler’s own schedule, and stays Automatic where it has none', () => {
  expect(effectiveScheduler(automatic, dpmpp2m, schedulers, model)).toBe(karras);
  expect(effectiveScheduler(automatic, euler, schedulers, model)).toBe(automatic);
  expect(effectiveScheduler(simple, dpmpp2m, schedulers, model)).toBe(simple);
});

test('a default schedule that nobody brought is an error with the ones there are', () => {
  const orphan = defineSampler({ id: 'orphan', label: 'Orphan', defaultScheduler: 'gone', async *steps() {} });
  expect(() => effectiveScheduler(automatic, orphan, schedulers, model)).toThrow(DefaultSchedulerMissing);
  expect(() => effectiveScheduler(automatic, orphan, schedulers, model)).toThrow('"gone"');
});

test('fewer steps than a sampler can do with are refused by name', () => {
  expect(() => noiseLevels({ sampler: ddim, scheduler: automatic, model, stepCount: 1 })).toThrow(TooFewSteps);
  expect(noiseLevels({ sampler: ddim, scheduler: automatic, model, stepCount: 2 })).toEqual([model.sigmas[501], model.sigmas[1]]);
});

test('a sampler that ends at the lowest level gets as many steps, the last of them to there', () => {
  const sampler = defineSampler({ id: 'to-lowest', label: 'To lowest', lastLevel: 'sigma-min', async *steps() {} });
  for (const scheduler of schedulers.filter(({ id }) => !inTheirWay.has(id))) {
    for (const stepCount of [5, 100]) {
      const levels = noiseLevels({ sampler, scheduler, model, stepCount });
      if (!scheduler.id.startsWith('align-your-steps-32')) expect(levels).toHaveLength(stepCount + 1); // some of its levels lie lower
      expect(levels.at(-1)).toBeCloseTo(model.sigmaMin, 6);
      expect(levels.at(-2)).toBeGreaterThan(model.sigmaMin);
    }
  }
});

test('levels are written by hand, cut at both ends, and refused where they rise or none is left', () => {
  const levelsOf = (changes: ScheduleChanges, sampler: Sampler = euler) =>
    noiseLevels({ sampler, scheduler: karras, model, stepCount: 6, changes });
  expect(levelsOf({ levels: [9, 3, 1, 0] })).toEqual([9, 3, 1, 0]);
  expect(levelsOf({ levels: [9, 3, 1, 0], startStep: 1 })).toEqual([3, 1, 0]);
  expect(levelsOf({ levels: [9, 3, 1, 0], endStep: 2 })).toEqual([9, 3, 0]);
  expect(levelsOf({ scheduleMinSigma: 0.1, scheduleMaxSigma: 10 }).at(-2)).toBeCloseTo(0.1, 6);
  expect(() => levelsOf({ levels: [9, 3, 4, 0] })).toThrow('4 does not lie below 3');
  expect(() => levelsOf({ levels: [9, Number.NaN, 0] })).toThrow(LevelsInvalid);
  expect(() => levelsOf({ levels: [9, 0] }, ddim)).toThrow('"DDIM" chooses its own');
  expect(() => levelsOf({ startStep: 6 })).toThrow(LevelsInvalid);
  expect(() => levelsOf({ scheduleMinSigma: 20 })).toThrow('20, does not lie below');
});

test('the start is as strong as the first level; DDIM’s has unit variance in its own form', () => {
  const unit = tensor([1], Float64Array.of(1));
  expect(startNoise(unit, euler, 3).data[0]).toBe(3);
  expect(startNoise(unit, ddim, 3).data[0]).toBeCloseTo(Math.sqrt(10), 12);
});

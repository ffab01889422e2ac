import { allFinite, tensor, type Denoise, type ModelSampling, type Sampler, type Scheduler } from '@atelier/sdk';
import { gaussianWorld } from '@atelier/sdk/testing';
import { describe, expect, test } from 'vitest';
import { samplingOf } from '../../../../backend/src/diffusion/model-sampling.js';
import { effectiveScheduler, noiseLevels, NotForThisModel, startNoise } from '../../../../backend/src/diffusion/noise-levels.js';
import { BatchNoise } from '../../../../backend/src/diffusion/noise/batch-noise.js';
import { stepNoise } from '../../../../backend/src/diffusion/noise/step-noise.js';
import { sample } from '../../../../backend/src/diffusion/sample.js';
import { samplers } from '../../../../backend/src/diffusion/samplers/index.js';
import { schedulers } from '../../../../backend/src/diffusion/schedulers/index.js';
import { automatic } from '../../../../backend/src/diffusion/schedulers/automatic.js';

const sd15 = samplingOf({ kind: 'discrete', prediction: 'eps' });
const { denoise } = gaussianWorld({ mean: 0.2, spread: 1 });
const shape = [1, 2, 2];
const seeds = [4];

test.each(samplers.map((sampler) => [sampler.label, sampler] as const))(
  '%s with any schedule, from its least steps to 60: as many steps as levels ask for, and numbers at the end',
  async (_label, sampler) => {
    const model = sampler.sampling?.(sd15) ?? sd15;
    // a sampler that chooses its own levels is the same with any schedule
    for (const scheduler of sampler.levels ? schedulers.slice(0, 1) : schedulers) {
      const least = Math.max(sampler.minSteps, sampler.levels ? 1 : scheduler.minSteps);
      for (const stepCount of [least, least + 1, 4, 19, 20, 37, 60]) {
        const sigmas = noiseLevels({ sampler, scheduler, model, stepCount });
        const fresh = new BatchNoise('NV', seeds, shape);
        const x = startNoise(fresh.next(), sampler, sigmas[0]);
        const noise = stepNoise(sampler, { fresh, source: 'NV', seeds, shape, sigmas });
        const sampled = await sample({ sampler, model, denoise, noise, x, sigmas });
        const what = `${scheduler.label}, ${stepCount} steps`;
        expect(sampled.stepsDone, what).toBe(sigmas.length - 1);
        expect(allFinite(sampled.x), what).toBe(true);
        const last = sampler.lastLevel === 'sigma-min' || scheduler.lastLevel === 'sigma-min' ? model.sigmaMin : 0;
        // timesteps of A1111 end at the second of the model's levels
        expect(Math.abs(sigmas[sigmas.length - 1] - last), what).toBeLessThan(0.02);
      }
    }
  },
  60_000, // DEIS sums ten thousand points a step
);

test('the largest latent that noise can make stays a number with every sampler', async () => {
  for (const sampler of samplers) {
    const model = sampler.sampling?.(sd15) ?? sd15;
    const sigmas = noiseLevels({ sampler, scheduler: schedulers[0], model, stepCount: 6 });
    const x = startNoise(tensor([1, ...shape], Float32Array.of(6, -6, 0, 6)), sampler, sigmas[0]);
    const fresh = new BatchNoise('NV', seeds, shape);
    const noise = stepNoise(sampler, { fresh, source: 'NV', seeds, shape, sigmas });
    expect(allFinite((await sample({ sampler, model, denoise, noise, x, sigmas })).x), sampler.label).toBe(true);
  }
});

/** Models of every other kind; clean latents have mean 0.2 and deviation 1. */
const kinds: [string, ModelSampling][] = [
  ['zero terminal SNR', samplingOf({ kind: 'discrete', prediction: 'v', zeroTerminalSnr: true })],
  ['continuous v', samplingOf({ kind: 'continuous-v', sigmaMin: 0.03, sigmaMax: 500 })],
  ['EDM', samplingOf({ kind: 'edm', sigmaData: 0.5, sigmaMin: 0.002, sigmaMax: 80 })],
  ['SD3', samplingOf({ kind: 'flow', shift: 3, multiplier: 1000 })],
  ['Flux', samplingOf({ kind: 'flow', shift: Math.exp(1.15), multiplier: 1, levelCount: 10_000 })],
];

const MEAN = 0.2;

/** The best guess for latents that are `1 − sigma` times the picture plus noise. */
const flowDenoise: Denoise = async (x, sigma) => {
  const share = 1 - sigma;
  const denoised = tensor(
    x.shape,
    x.data.map((value) => MEAN + (share * (value - share * MEAN)) / (share ** 2 + sigma ** 2)),
  );
  return { denoised, uncond: denoised };
};

/** Runs for a few thousand pixels at once and tells what they are like at the end. */
async function endOf(sampler: Sampler, scheduler: Scheduler, model: ModelSampling, stepCount: number) {
  const wide = [4, 32, 32];
  const sigmas = noiseLevels({ sampler, scheduler, model, stepCount });
  const fresh = new BatchNoise('NV', seeds, wide);
  const x = startNoise(fresh.next(), sampler, sigmas[0]);
  const noise = stepNoise(sampler, { fresh, source: 'NV', seeds, shape: wide, sigmas });
  const run = { sampler, model, denoise: model.prediction === 'flow' ? flowDenoise : denoise, noise, x, sigmas };
  const data = [...(await sample(run)).x.data];
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return { mean, deviation: Math.sqrt(variance) };
}

/** Schedules that do not start at the model's highest level, as their originals. */
const startsWhereItLikes = new Set(['vp', 'vp-comfyui', 'karras-dynamic']);

describe.each(kinds)('a model of the kind %s', (_kind, model) => {
  const suiting = samplers.filter((sampler) => sampler.suits?.(sampler.sampling?.(model) ?? model) !== false);

  /**
   * Does not come near the right spread: jumps (LCM), is written down as the original has it, or (DPM adaptive) allows errors
   * in parts of the latent before the step, which are large after noise without any picture.
   */
  const isRough = ({ id }: Sampler) =>
    /^lcm|^ddpm|cfg-?pp|^res-multistep-ancestral|^euler-(smea-)?(dy|negative)|^euler-dy-negative|^euler-a2/.test(id) ||
    (id === 'dpm-adaptive' && model.sigmaMax > 1000);

  // one of reForge's takes noise for a guess of the picture
  const painting = suiting.filter(({ id }) => id !== 'dpmpp-2m-cfgpp-reforge');
  test.each(painting.map((sampler) => [sampler.label, sampler] as const))(
    '%s makes pictures that are like those it learned',
    async (_, sampler) => {
      const prepared = sampler.sampling?.(model) ?? model;
      const scheduler = effectiveScheduler(automatic, sampler, schedulers, prepared);
      const { mean, deviation } = await endOf(sampler, scheduler, prepared, 30);
      expect(Math.abs(mean - MEAN)).toBeLessThan(isRough(sampler) ? 0.6 : 0.1);
      expect(Math.abs(deviation - 1)).toBeLessThan(isRough(sampler) ? 2 : 0.17);
    },
  );

  test('every schedule that suits it falls from its highest level', () => {
    for (const scheduler of schedulers.filter(({ suits }) => suits?.(model) !== false)) {
      for (const stepCount of [scheduler.minSteps, 4, 20, 60]) {
        const levels = scheduler.levels(model, stepCount);
        expect(
          levels.every((level, index) => index === 0 || level < levels[index - 1]),
          `${scheduler.label}, ${stepCount} steps`,
        ).toBe(true);
        if (!startsWhereItLikes.has(scheduler.id)) expect(levels[0]).toBeLessThanOrEqual(model.sigmaMax * 1.0001);
      }
    }
  });
});

test('samplers that go by timesteps, and levels of strong noise, are refused by name where a model has none', () => {
  const [, flow] = kinds[3];
  for (const label of ['DDIM', 'DDIM CFG++', 'PLMS', 'UniPC', 'LCM']) {
    const sampler = samplers.find((each) => each.label === label)!;
    const run = { sampler, scheduler: automatic, model: sampler.sampling?.(flow) ?? flow, stepCount: 20 };
    expect(() => noiseLevels(run)).toThrow(NotForThisModel);
    expect(() => noiseLevels(run)).toThrow(`"${label}"`);
  }
  const [euler, ays] = [samplers.find(({ id }) => id === 'euler')!, schedulers.find(({ id }) => id === 'align-your-steps')!];
  expect(() => noiseLevels({ sampler: euler, scheduler: ays, model: flow, stepCount: 20 })).toThrow('schedule "Align Your Steps"');
});

test('Automatic is evenly spaced over the training of a flow model, whatever the sampler', () => {
  const [, flow] = kinds[3];
  const simple = schedulers.find(({ id }) => id === 'simple')!;
  for (const sampler of samplers) {
    const scheduler = effectiveScheduler(automatic, sampler, schedulers, flow);
    expect(scheduler).toBe(automatic);
    expect(scheduler.levels(flow, 7)).toEqual(simple.levels(flow, 7));
  }
});

import { allFinite, tensor } from '@atelier/sdk';
import { gaussianWorld } from '@atelier/sdk/testing';
import { expect, test } from 'vitest';
import { noiseLevels, startNoise } from '../../../../backend/src/diffusion/noise-levels.js';
import { BatchNoise } from '../../../../backend/src/diffusion/noise/batch-noise.js';
import { stepNoise } from '../../../../backend/src/diffusion/noise/step-noise.js';
import { sample } from '../../../../backend/src/diffusion/sample.js';
import { samplers } from '../../../../backend/src/diffusion/samplers/index.js';
import { schedulers } from '../../../../backend/src/diffusion/schedulers/index.js';
import { scaledLinearLevels, tableSampling } from '../../../../backend/src/diffusion/sigma-table.js';

const sd15 = tableSampling(scaledLinearLevels(), 'eps');
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

import { expect, test } from 'vitest';
import { samplers } from '../../../../backend/src/diffusion/samplers/index.js';
import { schedulers } from '../../../../backend/src/diffusion/schedulers/index.js';
import { recommendedByName } from '../../../../backend/src/model-families/distilled.js';

const ofName = (stem: string, title?: string) =>
  recommendedByName({ stem, metadata: new Map(title === undefined ? [] : [['modelspec.title', title]]) });

test('a distilled model is told by its name', () => {
  expect(ofName('sd_xl_turbo_1.0_fp16')).toEqual({ steps: 4, cfgScale: 1, sampler: 'euler-ancestral', scheduler: 'turbo' });
  expect(ofName('LCM_Dreamshaper_v7')).toMatchObject({ sampler: 'lcm', cfgScale: 1.5 });
  expect(ofName('Hyper-SDXL-1step-Unet')).toMatchObject({ steps: 1, sampler: 'euler' });
});

test('the number of steps in the name counts', () => {
  expect(ofName('sdxl_lightning_8step')).toMatchObject({ steps: 8 });
  expect(ofName('juggernautXL_lightning')).toMatchObject({ steps: 4 });
});

test('the title in the metadata counts as the name does', () => {
  expect(ofName('model', 'SDXL Lightning 2 steps')).toMatchObject({ steps: 2, scheduler: 'sgm-uniform' });
});

test('what is recommended is there', () => {
  for (const name of ['turbo', 'lightning', 'hyper-sd', 'lcm', 'dmd2']) {
    const { sampler, scheduler } = ofName(name);
    expect(samplers.map(({ id }) => id)).toContain(sampler);
    expect(schedulers.map(({ id }) => id)).toContain(scheduler);
  }
});

test('other names recommend nothing', () => {
  for (const name of ['v1-5-pruned-emaonly', 'hyperrealism_v2', 'welcome-to-2steps', 'dmdesign']) expect(ofName(name)).toEqual({});
});

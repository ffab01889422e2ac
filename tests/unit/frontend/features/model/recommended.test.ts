// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import { type Catalogue, Txt2ImgRequest } from '@atelier/sdk/contracts';
import { yetToRecommend } from '../../../../../frontend/src/features/model/recommended.js';

const catalogue = {
  samplers: [
    { id: 'dpmpp-2m', label: 'DPM++ 2M', aliases: [], defaultScheduler: 'karras' },
    { id: 'euler', label: 'Euler', aliases: ['k_euler'], defaultScheduler: null },
  ],
  schedulers: [
    { id: 'automatic', label: 'Automatic', aliases: [] },
    { id: 'karras', label: 'Karras', aliases: [] },
  ],
} as unknown as Catalogue;
const request = Txt2ImgRequest.parse({ width: 512, height: 512, sampler: 'dpmpp-2m', steps: 20 });

test('only what the form does not have yet is recommended, a size as a whole', () => {
  expect(yetToRecommend({ width: 512, height: 512, steps: 4 }, request, catalogue)).toEqual({ steps: 4 });
  expect(yetToRecommend({ width: 512, height: 768 }, request, catalogue)).toEqual({ width: 512, height: 768 });
  expect(yetToRecommend({}, request, catalogue)).toEqual({});
});

test('samplers and schedules are the same by any of their names, and Automatic is what the sampler takes', () => {
  const values = { sampler: 'DPM++ 2M', scheduler: 'Karras' };
  expect(yetToRecommend(values, request, catalogue)).toEqual({});
  expect(yetToRecommend({ sampler: 'k_euler', scheduler: 'karras' }, request, catalogue)).toEqual({
    sampler: 'k_euler',
    scheduler: 'karras',
  });
});

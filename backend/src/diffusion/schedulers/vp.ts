import { defineScheduler, z } from '@atelier/sdk';
import { ramp } from './ramp.js';

/**
 * Even in the time of a continuous variance-preserving process whose noise grows linearly (Song et al. 2021), as k-diffusion
 * has it. Its levels are those of that process, whatever the model's are.
 */
export const vp = defineScheduler({
  id: 'vp',
  label: 'VP',
  suits: ({ prediction }) => prediction !== 'flow', // whose levels end at 1
  options: z.object({
    beta_d: z.number().min(0.01).max(100).default(19.9).meta({ infotext: 'VP beta_d' }).describe('How much the noise rate grows.'),
    beta_min: z.number().min(0.001).max(10).default(0.1).meta({ infotext: 'VP beta_min' }).describe('The noise rate at the picture.'),
    eps_s: z.number().min(0.00001).max(0.1).default(0.001).meta({ infotext: 'VP eps_s' }).describe('The last time before 0.'),
  }),
  levels(_model, stepCount, { beta_d, beta_min, eps_s }) {
    // in float32 as in the original, whose last level is a difference of numbers near 1
    const growth = (time: number) => Math.fround(Math.exp(Math.fround((beta_d * time ** 2) / 2 + beta_min * time)));
    return [...ramp(1, eps_s, stepCount).map((time) => Math.sqrt(growth(time) - 1)), 0];
  },
});

import { defineScheduler, z, type Scheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/**
 * Even in the time of a continuous variance-preserving process whose noise grows linearly (Song et al. 2021), as k-diffusion
 * has it: in float32, of which the last level is a difference of numbers near 1.
 */
export const vp = ofProcess('vp', 'VP', (exponent) => Math.fround(Math.exp(Math.fround(exponent))) - 1);

/** The same as ComfyUI has it, with the last level exact. */
export const vpComfyui = ofProcess('vp-comfyui', 'VP (ComfyUI)', Math.expm1);

/** Its levels are those of the process, whatever the model's are. */
function ofProcess(id: string, label: string, growth: (exponent: number) => number): Scheduler {
  return defineScheduler({
    id,
    label,
    suits: ({ prediction }) => prediction !== 'flow', // whose levels end at 1
    options: z.object({
      beta_d: z.number().min(0.01).max(100).default(19.9).meta({ infotext: 'VP beta_d' }).describe('How much the noise rate grows.'),
      beta_min: z.number().min(0.001).max(10).default(0.1).meta({ infotext: 'VP beta_min' }).describe('The noise rate at the picture.'),
      eps_s: z.number().min(0.00001).max(0.1).default(0.001).meta({ infotext: 'VP eps_s' }).describe('The last time before 0.'),
    }),
    levels: (_model, stepCount, { beta_d, beta_min, eps_s }) => [
      ...ramp(1, eps_s, stepCount).map((time) => Math.sqrt(growth((beta_d * time ** 2) / 2 + beta_min * time))),
      0,
    ],
  });
}

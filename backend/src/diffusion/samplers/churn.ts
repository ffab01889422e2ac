import { combine, levelOfRatio, noiseRatio, z, type SamplerInput, type SamplerMemory, type Tensor } from '@atelier/sdk';
import { backUp } from './split-step.js';

/** Options of samplers that may raise the noise before a step. Names are A1111's. */
export const churnOptions = z.object({
  s_churn: z
    .number()
    .min(0)
    .max(100)
    .default(0)
    .meta({ infotext: 'Sigma churn' })
    .describe('Fresh noise over the whole run; 0 keeps the run deterministic.'),
  s_tmin: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .meta({ infotext: 'Sigma tmin' })
    .describe('Lowest noise level at which fresh noise is added.'),
  s_tmax: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .meta({ infotext: 'Sigma tmax' })
    .describe('Highest noise level at which fresh noise is added; 0 is no limit.'),
  s_noise: z
    .number()
    .min(0)
    .max(2)
    .default(1)
    .meta({ infotext: 'Sigma noise' })
    .describe('Strength of the fresh noise; a little above 1 keeps detail.'),
});
export type ChurnOptions = z.output<typeof churnOptions>;

/** The most that noise over picture is raised in one step (Karras et al. 2022, algorithm 2). */
const MOST = Math.SQRT2 - 1;

/** Raises the noise of `x` before a step, as options ask; returns the latent and the level it is then at. */
export type Churn = ((x: Tensor, sigma: number, next: number) => { x: Tensor; sigma: number }) & {
  /** To be yielded with each step: the share per step depends on the length of the whole run. */
  memory: SamplerMemory;
};

/**
 * Whose rule it is. k-diffusion's (Karras et al. 2022, algorithm 2), once it is on, draws in every step, also in those outside
 * of `s_tmin` and `s_tmax` that do not use the noise; ComfyUI's draws where it is used. reForge's is on in all of its runs:
 * it draws in every step, raises by at least what is the most in the others, and takes the noise away instead of adding it.
 */
export type ChurnRule = 'k-diffusion' | 'comfyui' | 'reforge';

/** Churn for a run, by one of the rules. */
export function churnFor({ model, sigmas, noise, memory, options }: SamplerInput<ChurnOptions>, rule: ChurnRule = 'k-diffusion'): Churn {
  const { s_churn, s_tmin, s_tmax, s_noise } = options;
  const highest = s_tmax === 0 ? Number.POSITIVE_INFINITY : s_tmax;
  const wanted = s_churn / (sigmas.length - 1);
  const share = (memory?.churn as number | undefined) ?? (rule === 'reforge' ? Math.max(wanted, MOST) : Math.min(wanted, MOST));
  const strength = rule === 'reforge' ? -s_noise : s_noise;
  const churn = (x: Tensor, sigma: number, next: number): { x: Tensor; sigma: number } => {
    if (share === 0) return { x, sigma };
    const isOutside = sigma < s_tmin || sigma > highest;
    if (isOutside && rule === 'comfyui') return { x, sigma };
    const fresh = noise(sigma, next);
    if (isOutside) return { x, sigma };
    const ratio = noiseRatio(model, sigma);
    if (ratio === Number.POSITIVE_INFINITY) return { x, sigma }; // pure noise has nothing above it
    const raised = levelOfRatio(model, ratio * (1 + share));
    const { kept, up } = backUp(model, sigma, raised);
    return { x: combine([x, fresh], [kept, strength * up]), sigma: raised };
  };
  return Object.assign(churn, { memory: { churn: share } });
}

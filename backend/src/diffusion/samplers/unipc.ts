import { addScaled, defineSampler, derivative, pictureShare, scale, z, type ModelSampling, type Sampler } from '@atelier/sdk';
import { roundHalfToEven } from '../round-half-to-even.js';
import { ramp } from '../schedulers/ramp.js';
import { byTimesteps, timesteps } from './timesteps.js';
import { uniSteps } from './unified-predictor-corrector.js';

/** UniPC of Zhao et al. 2023, as A1111 has it: over evenly spaced times, from the last timestep to the first. */
export const unipc = defineSampler({
  id: 'unipc',
  label: 'UniPC',
  options: z.object({
    uni_pc_variant: z
      .enum(['bh1', 'bh2', 'vary_coeff'])
      .default('bh1')
      .meta({ infotext: 'UniPC variant' })
      .describe('How guesses are weighted: bh1 suits guidance, bh2 few steps without it.'),
    uni_pc_skip_type: z
      .enum(['time_uniform', 'time_quadratic', 'logSNR'])
      .default('time_uniform')
      .meta({ infotext: 'UniPC skip type' })
      .describe('How times are spread: evenly, more of them at little noise (in the root of time), or evenly in log σ.'),
    uni_pc_order: z.int().min(1).max(3).default(3).meta({ infotext: 'UniPC order' }).describe('How many guesses a step is made of.'),
    uni_pc_lower_order_final: z
      .boolean()
      .default(true)
      .meta({ infotext: 'UniPC lower order final' })
      .describe('Whether the last steps are made of fewer guesses, which is steadier.'),
  }),
  order: 2, // 3 but for the first steps and the last
  ...byTimesteps,
  minSteps: 3,
  levels: (model, stepCount, { uni_pc_skip_type }) =>
    timesOf(model, timesteps(model, stepCount).length, uni_pc_skip_type).map((time) => levelAt(model, time)),
  async *steps({ model, denoise, sigmas, options, memory, x }) {
    const stepCount = sigmas.length - 1 + ((memory?.done as number | undefined) ?? 0);
    const times = timesOf(model, stepCount, options.uni_pc_skip_type);
    const last = sigmas[sigmas.length - 1];
    const run = uniSteps(
      { x, sigmas, memory },
      {
        order: options.uni_pc_order,
        variant: options.uni_pc_variant,
        lowersOrder: options.uni_pc_lower_order_final,
        /** The network is asked at the nearest whole timestep, so at a level a little beside. */
        async guess(latent, sigma, done) {
          const asked = model.sigmas[roundHalfToEven(Math.fround(Math.fround(times[done] - times[stepCount]) * TIMESTEPS))];
          const seen = scale(latent, Math.hypot(1, asked) / Math.hypot(1, sigma));
          const { denoised } = await denoise(seen, asked);
          return { denoised, clean: addScaled(latent, derivative(seen, denoised, asked), -sigma) };
        },
      },
    );
    for await (const step of run) {
      const isLast = step.memory?.done === stepCount;
      yield isLast ? { ...step, x: scale(step.x, 1 / Math.hypot(1, last)) } : step;
    }
  },
});

/** The same over any schedule, as ComfyUI has it: its last step goes almost to 0, where log σ still is a number. */
function ofComfyui(id: string, label: string, variant: 'bh1' | 'bh2', aliases: string[]): Sampler {
  return defineSampler({
    id,
    label,
    aliases,
    order: 2, // 3 but for the first steps and the last
    discardsNextToLast: true,
    minSteps: 2,
    async *steps({ model, denoise, sigmas, memory, x }) {
      const before = (memory?.done as number | undefined) ?? 0;
      const stepCount = before + sigmas.length - 1;
      const positive = sigmas.map((sigma) => (sigma === 0 ? ALMOST_ZERO : sigma));
      const levels = x.data instanceof Float32Array ? positive.map(throughFloat32) : positive;
      const run = uniSteps(
        { x, sigmas: levels, memory },
        {
          order: Math.min(3, stepCount - 1),
          variant,
          lowersOrder: true,
          async guess(latent, _level, done) {
            const { denoised } = await denoise(latent, sigmas[done - before]);
            return { denoised, clean: denoised };
          },
        },
      );
      for await (const step of run) {
        const isAlmostZero = step.memory?.done === stepCount && sigmas[sigmas.length - 1] === 0;
        yield isAlmostZero ? { ...step, x: scale(step.x, 1 / pictureShare(model, ALMOST_ZERO)) } : step;
      }
    },
  });
}

const ALMOST_ZERO = 0.001;

export const unipcComfyui = ofComfyui('uni-pc-comfyui', 'UniPC (ComfyUI)', 'bh1', ['uni_pc']);
export const unipcBh2Comfyui = ofComfyui('uni-pc-bh2-comfyui', 'UniPC BH2 (ComfyUI)', 'bh2', ['uni_pc_bh2']);

/** As many as all models have that this sampler is for; times are counted in parts of it. */
const TIMESTEPS = 1000;

/** `stepCount` + 1 times, falling from 1 to that of the first timestep. */
function timesOf(model: ModelSampling, stepCount: number, spread: 'time_uniform' | 'time_quadratic' | 'logSNR'): number[] {
  const [first, last] = [1, 1 / TIMESTEPS];
  if (spread === 'time_uniform') return ramp(first, last, stepCount + 1);
  if (spread === 'time_quadratic') return ramp(Math.sqrt(first), Math.sqrt(last), stepCount + 1).map((root) => Math.fround(root ** 2));
  const [highest, lowest] = [first, last].map((time) => Math.log(levelAt(model, time)));
  return ramp(highest, lowest, stepCount + 1).map((log) => timeAt(model, log1pExp(2 * log)));
}

/** Times of the model's timesteps. */
const tabled = ramp(0, 1, TIMESTEPS + 1).slice(1);

/** The level of a time, between those of the model's timesteps evenly in the logarithm of what is left of the picture. */
function levelAt({ sigmas }: ModelSampling, time: number): number {
  const below = Math.min(
    Math.max(
      tabled.findLastIndex((each) => each <= time),
      0,
    ),
    TIMESTEPS - 2,
  );
  const share = (time - tabled[below]) / (tabled[below + 1] - tabled[below]);
  const [low, high] = [sigmas[below], sigmas[below + 1]].map((sigma) => Math.log1p(sigma ** 2)); // −log ᾱ
  return Math.sqrt(Math.expm1(low + share * (high - low)));
}

/** log(1 + e^x) in float32, step by step as PyTorch's logaddexp. */
function log1pExp(x: number): number {
  const small = Math.fround(Math.log1p(Math.fround(Math.exp(-Math.abs(x)))));
  return Math.fround(small + Math.max(x, 0));
}

/** The time at which that is left of the picture: `wanted` is −log ᾱ. */
function timeAt({ sigmas }: ModelSampling, wanted: number): number {
  const logs = Array.from(sigmas, (sigma) => Math.log1p(sigma ** 2));
  const below = Math.min(
    Math.max(
      logs.findLastIndex((each) => each <= wanted),
      0,
    ),
    TIMESTEPS - 2,
  );
  const share = (wanted - logs[below]) / (logs[below + 1] - logs[below]);
  return tabled[below] + share * (tabled[below + 1] - tabled[below]);
}

/** A level after the original's way to log σ in the latent's float32, which is coarse where little noise is left, and then ends. */
function throughFloat32(sigma: number): number {
  if (sigma < ALMOST_ZERO) return sigma;
  const logScale = Math.fround(0.5 * Math.log(Math.fround(1 / Math.fround(Math.fround(sigma ** 2) + 1))));
  const deviation = Math.sqrt(Math.fround(1 - Math.fround(Math.exp(2 * logScale))));
  return deviation / Math.exp(logScale);
}

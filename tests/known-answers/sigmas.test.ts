import { tensor, type ModelSampling } from '@atelier/sdk';
import { describe, expect, test } from 'vitest';
import { effectiveScheduler, noiseLevels, startNoise, TooFewSteps } from '../../backend/src/diffusion/noise-levels.js';
import { ddim } from '../../backend/src/diffusion/samplers/ddim.js';
import { euler } from '../../backend/src/diffusion/samplers/euler.js';
import { lcm } from '../../backend/src/diffusion/samplers/lcm.js';
import { samplers } from '../../backend/src/diffusion/samplers/index.js';
import { timesteps } from '../../backend/src/diffusion/samplers/timesteps.js';
import { schedulers } from '../../backend/src/diffusion/schedulers/index.js';
import { uniform } from '../../backend/src/diffusion/schedulers/uniform.js';
import { scaledLinearLevels, tableSampling } from '../../backend/src/diffusion/sigma-table.js';
import { guided } from '../../backend/src/diffusion/guidance.js';
import { expectClose, hasGolden, NotBuiltCount, readJson, readTensors, realTensor, type Tolerance } from '../support/goldens.js';

const sd15 = tableSampling(scaledLinearLevels(), 'eps');
const relative: Tolerance = { relative: 1e-6 };

describe.runIf(hasGolden('sigmas/tables.json'))('tables of levels', () => {
  interface Table {
    name: string;
    tensor: string;
    timestep_of_sigma?: { sigma: number; t: number }[];
    sigma_of_timestep?: { t: number; sigma: number }[];
    percent_to_sigma?: unknown[];
    compvis_sigmas?: { tensor: string };
    sigma_to_t_quantized?: { sigma: number; t: number }[];
    sigma_to_t_interpolated?: { sigma: number; t: number }[];
    t_to_sigma?: { sigma: number; t: number }[];
  }
  const golden = readJson<{ tensors_file: string; tables: Table[]; flux_dynamic_mu: unknown[] }>('sigmas/tables.json');
  const tensors = readTensors(golden.tensors_file);
  const left = new NotBuiltCount();

  for (const table of golden.tables) {
    if (table.tensor.startsWith('a1111/')) {
      const sampling = tableSampling(Float64Array.from(realTensor(tensors, table.compvis_sigmas!.tensor).data), 'eps');
      test(`${table.name}: timesteps of levels, whole and fractional`, () => {
        for (const { sigma, t } of table.sigma_to_t_quantized!)
          expect(sampling.nearestTimestepOf(Math.fround(sigma)), `level ${sigma}`).toBe(t);
        const { t, sigma } = columns(table.sigma_to_t_interpolated!);
        expectClose(
          sigma.map((level) => sampling.timestepOf(Math.fround(level))),
          t,
          { absolute: 1e-3 }, // the original interpolates between logarithms in float32
        );
      });
      test(`${table.name}: levels between timesteps`, () => {
        const { t, sigma } = columns(table.t_to_sigma!);
        expectClose(
          t.map((timestep) => sampling.sigmaOf(Math.fround(timestep))),
          sigma,
          relative,
        );
      });
      continue;
    }
    const isEps = /sd15|ztsnr/.test(table.tensor);
    if (!isEps) {
      left.add(`table ${table.name}`);
      continue;
    }
    const levels = Float64Array.from(realTensor(tensors, table.tensor).data);
    if (table.tensor.includes('sd15')) test(`${table.name}: all levels`, () => expectClose(sd15.sigmas, levels, relative));
    else left.add(`table ${table.name}`);

    const sampling = tableSampling(levels, 'eps');
    test(`${table.name}: the nearest timestep of a level`, () => {
      for (const { sigma, t } of table.timestep_of_sigma ?? [])
        expect(sampling.nearestTimestepOf(Math.fround(sigma)), `level ${sigma}`).toBe(t);
    });
    test(`${table.name}: levels between timesteps`, () => {
      const { t, sigma } = columns(table.sigma_of_timestep ?? []);
      expectClose(
        t.map((timestep) => sampling.sigmaOf(Math.fround(timestep))),
        sigma,
        relative,
      );
    });
    left.add('level of a percentage', table.percent_to_sigma?.length ?? 0);
  }
  left.add('Flux’s dynamic shift', golden.flux_dynamic_mu.length);
  left.report();

  function columns(records: { t: number; sigma: number }[]): { t: number[]; sigma: number[] } {
    return { t: records.map(({ t }) => t), sigma: records.map(({ sigma }) => sigma) };
  }
});

describe.runIf(hasGolden('sigmas/schedulers_forge.json'))('schedules', () => {
  interface Case {
    model: string;
    scheduler: string;
    n: number;
    sigmas: number[];
    options?: object;
    error?: string;
    [more: string]: unknown;
  }
  const golden = readJson<{ cases: Case[]; reforge_extra: Case[] }>('sigmas/schedulers_forge.json');
  const tables = readTensors('sigmas/tables.safetensors');
  const fromTable = (name: string, prediction: 'eps' | 'flow'): ModelSampling =>
    tableSampling(Float64Array.from(realTensor(tables, name).data), prediction);
  const models: Record<string, ModelSampling> = {
    sd15,
    sdxl: sd15,
    sdxl_ztsnr: fromTable('forge/sdxl_vpred_ztsnr', 'eps'),
    sd3_shift3: fromTable('forge/sd3', 'flow'),
    'flux_mu1.15': fromTable('forge/flux_dev', 'flow'),
  };
  const known = new Set(['model', 'scheduler', 'label', 'n', 'sigma_min', 'sigma_max', 'n_out', 'sigmas', 'note']);
  const left = new NotBuiltCount();

  for (const record of golden.cases) {
    const scheduler = schedulers.find(({ id, aliases }) => id === record.scheduler || aliases.includes(record.scheduler));
    const model = models[record.model];
    const options = Object.keys(record).filter((key) => !known.has(key));
    // flow models have timesteps of their own, and SDXL has anchors of its own: they come with those families
    const needsFamily =
      model?.prediction === 'flow'
        ? ['uniform', 'normal', 'sgm_uniform', 'turbo'].includes(record.scheduler)
        : record.model === 'sdxl' && record.scheduler.startsWith('align_your_steps');
    if (!scheduler || !model || options.length > 0 || needsFamily) {
      left.add(
        scheduler && model
          ? `${record.scheduler} ${options.length > 0 ? `with ${options.join(', ')}` : `of ${record.model}`}`
          : record.scheduler,
      );
      continue;
    }
    test(`${record.scheduler} of ${record.model} in ${record.n} steps`, () => {
      expectClose(scheduler.levels(model, record.n), record.sigmas, relative);
    });
  }
  left.add('schedules of reForge', golden.reforge_extra.length);
  left.report();
});

describe.runIf(hasGolden('sigmas/img2img_and_get_sigmas.json'))('whole choice of levels', () => {
  interface Choice {
    sampler: string;
    scheduler: string;
    steps: number;
    sigmas: number[];
    extra_generation_params: Record<string, string>;
  }
  const golden = readJson<{
    get_sigmas: Choice[];
    get_sigmas_options: unknown[];
    img2img: unknown[];
    timesteps: {
      steps: number;
      len: number;
      timesteps: number[] | { first: number[]; last: number[] };
      always_discard_next_to_last_sigma?: boolean;
    }[];
    timesteps_img2img: unknown[];
    lcm: {
      sigmas50: number[];
      get_sigmas: { n: number; sigmas: number[] }[];
      sigma_to_t: { sigma: number; t: number }[];
      t_to_sigma: { t: number; sigma: number }[];
    };
    noise_scaling: { type: string; sigma: number; max_denoise: boolean; noise: number[]; latent: number[]; out: number[] }[];
    calculate_denoised: {
      prediction_type: string;
      sigma_data: number;
      sigma: number;
      x: number[];
      model_output: number[];
      denoised: number[];
      'model_input (calculate_input)': number[];
    }[];
    sampler_scheduler_names: unknown[];
  }>('sigmas/img2img_and_get_sigmas.json');
  const left = new NotBuiltCount();

  for (const record of golden.get_sigmas) {
    const sampler = samplers.find(({ label }) => label === record.sampler);
    const asked = schedulers.find(({ label }) => label === record.scheduler);
    if (!sampler || !asked) {
      left.add(`levels for ${sampler ? record.scheduler : record.sampler}`);
      continue;
    }
    test(`${record.sampler}, ${record.scheduler}, ${record.steps} steps`, () => {
      const scheduler = effectiveScheduler(asked, sampler, schedulers);
      const levels = noiseLevels({ sampler, scheduler, model: sampler.sampling?.(sd15) ?? sd15, stepCount: record.steps });
      // where a sampler chooses its own levels, A1111 takes no more than the start from the schedule
      if (sampler.levels) expectClose(levels.slice(0, 1), record.sigmas.slice(0, 1), relative);
      else expectClose(levels, record.sigmas, relative);
      expect(scheduler.id === 'automatic' ? undefined : scheduler.label).toBe(record.extra_generation_params['Schedule type']);
    });
  }

  for (const record of golden.timesteps) {
    if (record.always_discard_next_to_last_sigma) {
      left.add('discarding the next-to-last level');
      continue;
    }
    test(`DDIM's timesteps in ${record.steps} steps`, () => {
      const rising = timesteps(sd15, record.steps).reverse();
      expect(rising).toHaveLength(record.len);
      if (Array.isArray(record.timesteps)) expect(rising).toEqual(record.timesteps);
      else {
        expect(rising.slice(0, record.timesteps.first.length)).toEqual(record.timesteps.first);
        expect(rising.slice(-record.timesteps.last.length)).toEqual(record.timesteps.last);
      }
    });
  }

  test('LCM’s fifty levels, and their timesteps', () => {
    const model = lcm.sampling!(sd15);
    const { sigmas50, get_sigmas, sigma_to_t, t_to_sigma } = golden.lcm;
    expectClose(model.sigmas, sigmas50, relative);
    for (const { n, sigmas } of get_sigmas) expectClose(uniform.levels(model, n), sigmas, relative);
    for (const { sigma, t } of sigma_to_t) expect(model.timestepOf(Math.fround(sigma)), `level ${sigma}`).toBe(t);
    for (const { t, sigma } of t_to_sigma) expectClose([model.sigmaOf(t)], [sigma], relative);
  });

  for (const record of golden.noise_scaling) {
    if (record.type !== 'eps') {
      left.add(`start noise of ${record.type} models`);
      continue;
    }
    const { noise, latent, sigma } = record;
    test(`start noise at level ${sigma}${record.max_denoise ? ', as strong as DDIM wants it' : ''}`, () => {
      const unit = tensor([noise.length], Float64Array.from(noise));
      const scaled = startNoise(unit, record.max_denoise ? ddim : euler, Math.fround(sigma));
      expectClose(
        scaled.data.map((value, index) => value + latent[index]),
        record.out,
        { relative: 1e-6, absolute: 1e-6 },
      );
    });
  }

  for (const record of golden.calculate_denoised) {
    const prediction = ({ epsilon: 'eps', v_prediction: 'v', const: 'flow' } as const)[record.prediction_type];
    if (!prediction || (prediction !== 'flow' && record.sigma_data !== 1)) {
      left.add(prediction ? 'latents with another standard deviation than 1' : `prediction type ${record.prediction_type}`);
      continue;
    }
    test(`${record.prediction_type} at level ${record.sigma}: what the network sees, and what its answer means`, async () => {
      const shape = [1, record.x.length];
      let seen: ArrayLike<number> = [];
      const denoise = guided({
        model: { ...sd15, prediction },
        call: async (input) => {
          seen = input.data;
          return tensor(shape, Float64Array.from(record.model_output));
        },
        conditioning: { cond: tensor([1, 1, 1], new Float64Array(1)) },
        scale: 1,
      });
      const { denoised } = await denoise(tensor(shape, Float64Array.from(record.x)), record.sigma);
      expectClose(seen, record['model_input (calculate_input)'], { relative: 1e-6, absolute: 1e-6 }, 'input');
      expectClose(denoised.data, record.denoised, { relative: 1e-6, absolute: 1e-6 }, 'denoised');
    });
  }

  left.add('options that change levels', golden.get_sigmas_options.length);
  left.add('levels of img2img', golden.img2img.length);
  left.add('timesteps of img2img', golden.timesteps_img2img.length);
  left.add('A1111’s old sampler names', golden.sampler_scheduler_names.length);
  left.report();
});

describe.runIf(hasGolden('sigmas/schedulers_comfy.json'))('schedules of ComfyUI', () => {
  const golden = readJson<Record<string, unknown> & { cases: { model: string; scheduler: string; n: number; sigmas: number[] }[] }>(
    'sigmas/schedulers_comfy.json',
  );
  const left = new NotBuiltCount();
  for (const { model, scheduler: id, n, sigmas } of golden.cases) {
    const scheduler =
      schedulers.find((each) => each.id === `${id.replaceAll('_', '-')}-comfyui`) ??
      schedulers.find((each) => each.id === id || each.aliases.includes(id));
    if (!scheduler || model !== 'sd15') {
      left.add(scheduler ? `ComfyUI schedules of ${model}` : `ComfyUI ${id}`);
      continue;
    }
    test(`${id} in ${n} steps`, () => {
      // what is no number there is refused here
      if (sigmas.some(Number.isNaN))
        expect(() => noiseLevels({ sampler: euler, scheduler, model: sd15, stepCount: n })).toThrow(TooFewSteps);
      else expectClose(scheduler.levels(sd15, n), sigmas, relative);
    });
  }
  for (const [kind, records] of Object.entries(golden))
    if (kind !== 'cases' && Array.isArray(records)) left.add(`ComfyUI ${kind}`, records.length);
  left.report();
});

import { AppError, tensor, type ModelSampling, type NoiseModel } from '@atelier/sdk';
import { describe, expect, test } from 'vitest';
import { fluxMu } from '../../backend/src/diffusion/continuous-sampling.js';
import { levelAfter, samplingOf } from '../../backend/src/diffusion/model-sampling.js';
import { effectiveScheduler, noised, noiseLevels, startNoise, TooFewSteps } from '../../backend/src/diffusion/noise-levels.js';
import { roundHalfToEven } from '../../backend/src/diffusion/round-half-to-even.js';
import { ddim } from '../../backend/src/diffusion/samplers/ddim.js';
import { euler } from '../../backend/src/diffusion/samplers/euler.js';
import { lcm } from '../../backend/src/diffusion/samplers/lcm.js';
import { samplers } from '../../backend/src/diffusion/samplers/index.js';
import { timesteps } from '../../backend/src/diffusion/samplers/timesteps.js';
import { schedulers } from '../../backend/src/diffusion/schedulers/index.js';
import { turbo } from '../../backend/src/diffusion/schedulers/turbo.js';
import { uniform } from '../../backend/src/diffusion/schedulers/uniform.js';
import { tableSampling } from '../../backend/src/diffusion/sigma-table.js';
import { findSampler } from '../../backend/src/images/infotext/find-sampler.js';
import { guided } from '../../backend/src/diffusion/guidance.js';
import { expectClose, hasGolden, NotBuiltCount, readJson, readTensors, realTensor, type Tolerance } from '../support/goldens.js';

const sd15 = samplingOf({ kind: 'discrete', prediction: 'eps' });
const relative: Tolerance = { relative: 1e-6 };

/** Flux tells its shift by its logarithm, and has ten times as many levels. */
const fluxLevels = (mu: number): NoiseModel => ({ kind: 'flow', shift: Math.exp(mu), multiplier: 1, levelCount: 10_000 });

/** A model as a golden names it, e.g. "comfy/sd3 (ModelSamplingDiscreteFlow shift=3.0 multiplier=1000)" or "flux_shift1.15". */
function noiseModelOf(name: string): NoiseModel | undefined {
  const number = (pattern: RegExp) => Number(pattern.exec(name)?.[1] ?? Number.NaN);
  const shift = number(/shift=?([\d.]+)/);
  if (/DiscreteFlow|^sd3/.test(name)) {
    const multiplier = number(/multiplier=([\d.]+)/);
    return { kind: 'flow', shift, multiplier: Number.isNaN(multiplier) ? 1000 : multiplier };
  }
  if (/Flux|^flux/.test(name)) return fluxLevels(Number.isNaN(shift) ? number(/mu=?([\d.]+)/) : shift);
  if (/ContinuousEDM/.test(name)) {
    return { kind: 'edm', sigmaData: 1, sigmaMin: number(/ ([\d.]+)\.\./), sigmaMax: number(/\.\.([\d.]+)/) };
  }
  if (/ztsnr|zero_terminal/.test(name)) return { kind: 'discrete', prediction: 'v', zeroTerminalSnr: true };
  if (/^sdxl/.test(name)) return { kind: 'discrete', prediction: 'eps', anchors: 'sdxl' };
  return name.includes('sd15') ? { kind: 'discrete', prediction: 'eps' } : undefined;
}

/** Forge leaves the shift out between timesteps of Flux, and where a share of the training is told of any flow model. */
const leavesShiftOut = (name: string) => name.startsWith('forge/') && /Flux|Flow/.test(name);

describe.runIf(hasGolden('sigmas/tables.json'))('tables of levels', () => {
  interface Table {
    name: string;
    tensor: string;
    timestep_of_sigma?: { sigma: number; t: number }[];
    sigma_of_timestep?: { t: number; sigma: number }[];
    percent_to_sigma?: { percent: number; sigma: number }[];
    compvis_sigmas?: { tensor: string };
    sigma_to_t_quantized?: { sigma: number; t: number }[];
    sigma_to_t_interpolated?: { sigma: number; t: number }[];
    t_to_sigma?: { sigma: number; t: number }[];
  }
  interface DynamicMu {
    width: number;
    height: number;
    image_seq_len: number;
    mu_calculate_shift: number;
    'mu_sd3_dynamic_0.5_1.16_256_4096': number;
    flux_table_first4: number[];
    flux_table_last4: number[];
    schedules: { n: number; diffusers_flowmatch_sigmas_with_final_zero: number[] }[];
  }
  const golden = readJson<{ tensors_file: string; tables: Table[]; flux_dynamic_mu: DynamicMu[] }>('sigmas/tables.json');
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
    const noise = noiseModelOf(table.name);
    if (!noise) {
      left.add(`table ${table.name}`);
      continue;
    }
    const levels = Float64Array.from(realTensor(tensors, table.tensor).data);
    const isStretched = noise.kind === 'discrete' && noise.zeroTerminalSnr;
    // the originals stretch in float32, each in its way; what follows from their levels is then asked of them
    const model = isStretched ? tableSampling(levels, 'v') : samplingOf(noise);
    test(`${table.name}: all levels`, () => {
      expectClose(samplingOf(noise).sigmas, levels, isStretched ? { relative: 1e-4 } : relative);
    });
    test(`${table.name}: the timestep that the network is told of a level`, () => {
      const { t, sigma } = columns(table.timestep_of_sigma ?? []);
      const told = sigma.map((level) => model.nearestTimestepOf(Math.fround(level)));
      if (noise.kind === 'discrete') expect(told).toEqual(t);
      else expectClose(told, t, { relative: 1e-6, absolute: 1e-6 });
    });
    if (leavesShiftOut(table.name) && table.name.includes('Flux'))
      left.add('levels of timesteps of Flux as Forge has them, without the shift');
    else {
      test(`${table.name}: levels between timesteps`, () => {
        const { t, sigma } = columns(table.sigma_of_timestep ?? []);
        expectClose(
          t.map((timestep) => model.sigmaOf(Math.fround(timestep))),
          sigma,
          relative,
        );
      });
    }
    if (leavesShiftOut(table.name)) left.add('levels of a share of the training as Forge has them, without the shift');
    else {
      test(`${table.name}: the level at a share of the training`, () => {
        // at its ends it is not a level but a limit
        const within = (table.percent_to_sigma ?? []).filter(({ percent }) => percent > 0 && percent < 1);
        expectClose(
          within.map(({ percent }) => levelAfter(model, percent)),
          within.map(({ sigma }) => sigma),
          relative,
        );
      });
    }
  }

  for (const record of golden.flux_dynamic_mu) {
    test(`Flux at ${record.width} × ${record.height}: the shift that suits it, and the levels it makes`, () => {
      const mu = fluxMu(record.image_seq_len);
      expect(mu).toBeCloseTo(record.mu_calculate_shift, 12);
      const ends = [
        { tokens: 256, mu: 0.5 },
        { tokens: 4096, mu: 1.16 },
      ] as const;
      expect(fluxMu(record.image_seq_len, ends)).toBeCloseTo(record['mu_sd3_dynamic_0.5_1.16_256_4096'], 12);
      const model = samplingOf(fluxLevels(mu));
      expectClose(model.sigmas.slice(0, 4), record.flux_table_first4, relative);
      expectClose(model.sigmas.slice(-4), record.flux_table_last4, relative);
      for (const { n, diffusers_flowmatch_sigmas_with_final_zero: sigmas } of record.schedules) {
        const times = Array.from({ length: n + 1 }, (_, index) => 1 - index / n);
        expectClose(times.map(model.sigmaOf), sigmas, relative);
      }
    });
  }
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
  /** As samplingOf makes it; where Forge stretches levels in float32, from its own. */
  function modelOf(name: string): ModelSampling | undefined {
    if (name.includes('ztsnr')) {
      const levels = Float64Array.from(realTensor(tables, 'forge/sdxl_vpred_ztsnr').data);
      return { ...tableSampling(levels, 'v'), anchors: 'sdxl' };
    }
    const noise = noiseModelOf(name);
    if (name === 'none') return sd15; // a schedule that is the same for all models
    return noise && samplingOf(noise);
  }
  const known = new Set(['model', 'scheduler', 'label', 'n', 'sigma_min', 'sigma_max', 'n_out', 'sigmas', 'note']);
  const left = new NotBuiltCount();

  for (const record of golden.cases) {
    const scheduler = schedulers.find(({ id, aliases }) => id === record.scheduler || aliases.includes(record.scheduler));
    const model = modelOf(record.model);
    const options = Object.fromEntries(Object.entries(record).filter(([key]) => !known.has(key)));
    const unknown = Object.keys(options).filter((name) => !Object.hasOwn(scheduler?.options.shape ?? {}, name));
    // Forge ends at 0 twice, and leaves the shift of Flux out between timesteps
    const isBroken =
      model?.prediction === 'flow' &&
      (record.scheduler === 'uniform' ||
        (record.model.startsWith('flux') && ['normal', 'sgm_uniform', 'turbo'].includes(record.scheduler)));
    if (!scheduler || !model || unknown.length > 0 || isBroken) {
      left.add(
        scheduler && model
          ? `${record.scheduler} ${unknown.length > 0 ? `with ${unknown.join(', ')}` : `of ${record.model}${isBroken ? ' as Forge has it' : ''}`}`
          : record.scheduler,
      );
      continue;
    }
    test(`${record.scheduler} of ${record.model} in ${record.n} steps ${JSON.stringify(options)}`, () => {
      expectClose(scheduler.levels(model, record.n, options), record.sigmas, relative);
    });
  }

  for (const record of golden.reforge_extra) {
    const name = record.scheduler.replace('(reForge)', '');
    const isOwn = record.scheduler !== name; // where reForge has levels of its own under a name of Forge's
    const ofReforge = isOwn ? (name === 'beta' ? 'beta_comfyui' : `${name}_reforge`) : name;
    const id = ofReforge.toLowerCase().replaceAll(/[_ ]/g, '-');
    const scheduler = schedulers.find((each) => each.id === id);
    const model = modelOf(record.model);
    if (!scheduler || !model) {
      left.add(`reForge ${record.scheduler}`);
      continue;
    }
    // a power of one less a sine near 1 makes the last digit of PyTorch's sine seen: low levels are not compared
    const magnifies = ['sinusoidal_sf', 'invcosinusoidal_sf'].includes(name);
    if (magnifies) left.add('last levels of schedules that magnify the last digit of PyTorch’s sine');
    const compared = magnifies ? record.sigmas.filter((sigma) => sigma > 0.2) : record.sigmas;
    test(`reForge's ${record.scheduler} of ${record.model} in ${record.n} steps${magnifies ? ', down to a fifth' : ''}`, () => {
      const levels = scheduler.levels(model, record.n);
      expect(levels).toHaveLength(record.sigmas.length);
      expectClose(levels.slice(0, compared.length), compared, relative);
    });
  }
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
    get_sigmas_options: (Choice & { options: Record<string, unknown> })[];
    img2img: (Choice & { steps_out: number; t_enc: number; denoising_strength: number; 'steps_arg(hires pass)': number | null })[];
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
    sampler_scheduler_names: { sampler: string | null; scheduler: string | null; result_convert_automatic_False: [string, string] }[];
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
      const scheduler = effectiveScheduler(asked, sampler, schedulers, sd15);
      const levels = noiseLevels({ sampler, scheduler, model: sampler.sampling?.(sd15) ?? sd15, stepCount: record.steps });
      // where a sampler chooses its own levels, A1111 takes no more than the start from the schedule
      if (sampler.levels) expectClose(levels.slice(0, 1), record.sigmas.slice(0, 1), relative);
      else expectClose(levels, record.sigmas, relative);
      expect(scheduler.id === 'automatic' ? undefined : scheduler.label).toBe(record.extra_generation_params['Schedule type']);
    });
  }

  for (const record of golden.timesteps) {
    if (record.always_discard_next_to_last_sigma) {
      left.add('discarding a level of a sampler that goes by timesteps, which only makes it a step longer in Forge');
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
    const { type, noise, latent, sigma, max_denoise: isFull } = record;
    test(`start noise of ${type} models at level ${sigma}${isFull ? ', as strong as timestep samplers want it' : ''}`, () => {
      const [unit, picture] = [noise, latent].map((values) => tensor([values.length], Float64Array.from(values)));
      const model = type === 'flow' ? samplingOf({ kind: 'flow', shift: 3, multiplier: 1000 }) : sd15;
      const level = Math.fround(sigma);
      const sampler = isFull && type !== 'flow' ? ddim : euler;
      expectClose(noised(picture, startNoise(unit, sampler, level), level, model).data, record.out, { relative: 1e-6, absolute: 1e-6 });
    });
  }

  for (const record of golden.calculate_denoised) {
    const prediction = ({ epsilon: 'eps', v_prediction: 'v', edm: 'edm', const: 'flow' } as const)[record.prediction_type];
    if (!prediction) {
      left.add(`prediction type ${record.prediction_type}`);
      continue;
    }
    test(`${record.prediction_type} at level ${record.sigma}, pictures of deviation ${record.sigma_data}: what the network sees, and what its answer means`, async () => {
      const shape = [1, record.x.length];
      let seen: ArrayLike<number> = [];
      const denoise = guided({
        model: { ...sd15, prediction, sigmaData: record.sigma_data },
        call: async (input) => {
          seen = input.data;
          return tensor(shape, Float64Array.from(record.model_output));
        },
        conditioning: { cond: { context: tensor([1, 1, 1], new Float64Array(1)) } },
        scale: 1,
      });
      const { denoised } = await denoise(tensor(shape, Float64Array.from(record.x)), record.sigma);
      expectClose(seen, record['model_input (calculate_input)'], { relative: 1e-6, absolute: 1e-6 }, 'input');
      expectClose(denoised.data, record.denoised, { relative: 1e-6, absolute: 1e-6 }, 'denoised');
    });
  }

  for (const record of golden.get_sigmas_options) {
    const {
      rho,
      sigma_min,
      sigma_max,
      use_old_karras_scheduler_sigmas: isOld,
      always_discard_next_to_last_sigma: discards,
    } = record.options;
    test(`${record.sampler}, ${record.scheduler}, ${record.steps} steps with ${JSON.stringify(record.options)}`, () => {
      const sampler = samplers.find(({ label }) => label === record.sampler)!;
      const asked = schedulers.find(({ label }) => label === record.scheduler)!;
      const changes = {
        schedulerOptions: { rho },
        scheduleMinSigma: isOld ? 0.1 : Number(sigma_min ?? 0),
        scheduleMaxSigma: isOld ? 10 : Number(sigma_max ?? 0),
        discardNextToLast: Boolean(discards),
      };
      const scheduler = effectiveScheduler(asked, sampler, schedulers, sd15);
      expectClose(noiseLevels({ sampler, scheduler, model: sd15, stepCount: record.steps, changes }), record.sigmas, relative);
    });
  }

  for (const record of golden.img2img) {
    const { steps_out: stepCount, t_enc: encodedAt } = record;
    const sampler = samplers.find(({ label }) => label === record.sampler);
    const asked = schedulers.find(({ label }) => label === record.scheduler);
    if (!sampler || !asked) {
      left.add(`levels of img2img for ${sampler ? record.scheduler : record.sampler}`);
      continue;
    }
    const hires = record['steps_arg(hires pass)'];
    test(`${record.sampler}, ${record.scheduler}: the last ${encodedAt + 1} of ${stepCount} steps (strength ${record.denoising_strength}, ${record.steps} steps, hires ${hires})`, () => {
      const scheduler = effectiveScheduler(asked, sampler, schedulers, sd15);
      const changes = { startStep: stepCount - encodedAt - 1 };
      const levels = () => noiseLevels({ sampler, scheduler, model: sd15, stepCount, changes });
      if (record.sigmas.length < 2)
        expect(levels).toThrow(AppError); // no strength leaves no steps
      else expectClose(levels(), record.sigmas, relative);
    });
  }

  left.add('timesteps of img2img, which is not there yet', golden.timesteps_img2img.length);

  for (const record of golden.sampler_scheduler_names) {
    const [sampler, schedule] = record.result_convert_automatic_False;
    const shelf = { samplers, schedulers } as unknown as Parameters<typeof findSampler>[0]; // which looks at names only
    const found = record.sampler === null ? undefined : findSampler(shelf, record.sampler);
    const asked = schedulers.find((each) =>
      [each.id, each.label, ...each.aliases].includes(found?.scheduler ?? record.scheduler ?? 'automatic'),
    );
    if (!found || !asked) {
      left.add('names that Forge replaces by its first, and we refuse');
      continue;
    }
    test(`the name "${record.sampler}" with the schedule ${record.scheduler}`, () => {
      expect([found.sampler.label, asked.label]).toEqual([sampler, schedule]);
    });
  }
  left.report();
});

describe.runIf(hasGolden('sigmas/schedulers_comfy.json'))('schedules of ComfyUI', () => {
  interface SchedulerNode {
    node: string;
    steps: number;
    denoise?: number;
    model?: string;
    scheduler?: string;
    sigma_min?: number;
    sigma_max?: number;
    n_out: number;
    sigmas: number[];
    [option: string]: unknown;
  }
  const golden = readJson<{
    cases: { model: string; scheduler: string; n: number; sigmas: number[] }[];
    ksampler_denoise: { model: string; sampler: string; scheduler: string; steps: number; denoise: number; sigmas: number[] }[];
    ksampler_start_end: {
      model: string;
      scheduler: string;
      steps: number;
      start_step: number | null;
      last_step: number | null;
      force_full_denoise: boolean;
      sigmas?: number[];
    }[];
    scheduler_nodes: SchedulerNode[];
  }>('sigmas/schedulers_comfy.json');
  /** Our schedules behind ComfyUI's nodes, and what the nodes call their options. */
  const ofNodes: Record<string, { scheduler: string; options?: Record<string, string> }> = {
    KarrasScheduler: { scheduler: 'karras' },
    ExponentialScheduler: { scheduler: 'exponential' },
    PolyexponentialScheduler: { scheduler: 'polyexponential' },
    LaplaceScheduler: { scheduler: 'laplace', options: { mu: 'laplace_mu', beta: 'laplace_beta' } },
    VPScheduler: { scheduler: 'vp' },
    BetaSamplingScheduler: { scheduler: 'beta', options: { alpha: 'beta_dist_alpha', beta: 'beta_dist_beta' } },
  };
  function ofComfyui<Item extends { id: string; aliases: readonly string[] }>(known: readonly Item[], name: string): Item | undefined {
    const id = name.replaceAll('_', '-');
    return known.find((each) => each.id === `${id}-comfyui`) ?? known.find((each) => each.id === id || each.aliases.includes(name));
  }
  const tables = readTensors('sigmas/tables.safetensors');
  /** As samplingOf makes it; where ComfyUI stretches levels in float32, from its own. */
  function modelOf(name: string): ModelSampling | undefined {
    if (name.includes('ztsnr')) return tableSampling(Float64Array.from(realTensor(tables, 'comfy/ztsnr').data), 'v');
    const noise = noiseModelOf(name);
    return noise && samplingOf(noise);
  }
  const left = new NotBuiltCount();
  for (const { model: name, scheduler: id, n, sigmas } of golden.cases) {
    const scheduler =
      schedulers.find((each) => each.id === `${id.replaceAll('_', '-')}-comfyui`) ??
      schedulers.find((each) => each.id === id || each.aliases.includes(id));
    const model = modelOf(name);
    if (!scheduler || !model) {
      left.add(scheduler ? `ComfyUI schedules of ${name}` : `ComfyUI ${id}`);
      continue;
    }
    test(`${id} of ${name} in ${n} steps`, () => {
      // what is no number there is refused here
      if (sigmas.some(Number.isNaN)) expect(() => noiseLevels({ sampler: euler, scheduler, model, stepCount: n })).toThrow(TooFewSteps);
      else expectClose(scheduler.levels(model, n), sigmas, relative);
    });
  }

  for (const record of golden.ksampler_denoise) {
    const { sampler: name, scheduler: id, steps, denoise } = record;
    const [sampler, scheduler] = [ofComfyui(samplers, name), ofComfyui(schedulers, id)];
    const model = modelOf(record.model);
    if (denoise === 0) {
      left.add('ComfyUI runs of no strength, which are no runs');
      continue;
    }
    if (!sampler || !scheduler || !model) {
      left.add(`ComfyUI ksampler_denoise of ${record.model} with ${name}, ${id}`);
      continue;
    }
    test(`${name}, ${id} of ${record.model}: ${steps} steps at strength ${denoise}`, () => {
      const stepCount = denoise > 0.9999 ? steps : Math.trunc(steps / denoise);
      const taken = (startStep: number) => noiseLevels({ sampler, scheduler, model, stepCount, changes: { startStep } });
      // a schedule by timesteps may have more steps than were asked for
      const startStep = denoise > 0.9999 ? 0 : taken(0).length - 1 - steps;
      expectClose(taken(startStep), record.sigmas, relative);
    });
  }

  for (const record of golden.ksampler_start_end) {
    const { scheduler: id, steps: stepCount, start_step: start, last_step: last, force_full_denoise: endsClean } = record;
    if (last !== null && last < stepCount && !endsClean) {
      left.add('ComfyUI runs that leave noise over, which no picture shows');
      continue;
    }
    test(`${id}: from step ${start} to ${last} of ${stepCount}`, () => {
      const scheduler = ofComfyui(schedulers, id)!;
      const changes = { startStep: start ?? 0, endStep: last ?? 0 };
      const levels = () => noiseLevels({ sampler: euler, scheduler, model: modelOf(record.model)!, stepCount, changes });
      if (record.sigmas) expectClose(levels(), record.sigmas, relative);
      else expect(levels).toThrow(AppError); // no step is left
    });
  }

  for (const record of golden.scheduler_nodes) {
    if (record.node === 'AlignYourStepsScheduler') {
      const ofSdxl = record.model_type === 'SDXL' ? 'sdxl' : undefined;
      const taken = roundHalfToEven(record.steps * (record.denoise ?? 1));
      if (record.model_type === 'SVD' || record.sigmas.length < 2) {
        left.add(record.model_type === 'SVD' ? 'ComfyUI AlignYourStepsScheduler of SVD' : 'ComfyUI runs of no strength, which are no runs');
        continue;
      }
      test(`AlignYourStepsScheduler of ${record.model_type}: ${record.steps} steps at strength ${record.denoise}`, () => {
        const scheduler = schedulers.find(({ id }) => id === 'align-your-steps-comfyui')!;
        const changes = { startStep: record.steps - taken };
        const model = { ...sd15, anchors: ofSdxl } as ModelSampling;
        expectClose(noiseLevels({ sampler: euler, scheduler, model, stepCount: record.steps, changes }), record.sigmas, relative);
      });
      continue;
    }
    if (record.node === 'SDTurboScheduler') {
      test(`SDTurboScheduler: ${record.steps} steps at strength ${record.denoise}`, () => {
        // of the ten steps of Turbo, some from a place on
        const startStep = 10 - Math.trunc(10 * (record.denoise ?? 1));
        const changes = { startStep, endStep: startStep + record.steps };
        const model = modelOf(record.model ?? 'sd15')!;
        expectClose(noiseLevels({ sampler: euler, scheduler: turbo, model, stepCount: 10, changes }), record.sigmas, relative);
      });
      continue;
    }
    const {
      node,
      steps,
      denoise = 1,
      sigmas,
      model: name = 'sd15',
      sigma_min,
      sigma_max,
      n_out: _count,
      scheduler: named,
      ...rest
    } = record;
    const isOfModel = node === 'BasicScheduler';
    const id = node === 'BasicScheduler' ? named : ofNodes[node]?.scheduler;
    const scheduler = id && ofComfyui(schedulers, id);
    const model = modelOf(name);
    if (!scheduler || !model || (denoise !== 1 && !isOfModel)) {
      left.add(`ComfyUI ${node}`);
      continue;
    }
    test(`${node} ${JSON.stringify({ ...rest, name, named, steps, denoise })}`, () => {
      const schedulerOptions = Object.fromEntries(
        Object.entries(rest).map(([key, value]) => [ofNodes[node]?.options?.[key] ?? key, value]),
      );
      const stepCount = Math.trunc(steps / denoise);
      const changes = { schedulerOptions, scheduleMinSigma: sigma_min, scheduleMaxSigma: sigma_max, startStep: stepCount - steps };
      const levels = noiseLevels({ sampler: euler, scheduler, model, stepCount, changes });
      // its Laplace forgets the last step, to 0
      expectClose(node === 'LaplaceScheduler' ? levels.slice(0, -1) : levels, sigmas, relative);
    });
  }
  left.report();
});

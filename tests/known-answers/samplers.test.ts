import { scale, tensor, type Denoise, type ModelSampling, type Sampler, type SamplerStep, type Tensor } from '@atelier/sdk';
import { describe, expect, test } from 'vitest';
import { classifierFree } from '../../backend/src/diffusion/guidance.js';
import { samplingOf } from '../../backend/src/diffusion/model-sampling.js';
import { ddim } from '../../backend/src/diffusion/samplers/ddim.js';
import { dpmpp2m } from '../../backend/src/diffusion/samplers/dpmpp-2m.js';
import { eulerAncestral } from '../../backend/src/diffusion/samplers/euler-ancestral.js';
import { euler } from '../../backend/src/diffusion/samplers/euler.js';
import { heun } from '../../backend/src/diffusion/samplers/heun.js';
import { samplers } from '../../backend/src/diffusion/samplers/index.js';
import { scaledLinearLevels, tableSampling } from '../../backend/src/diffusion/sigma-table.js';
import { analyticDenoised, analyticUncond, formulaNoise, readSamplerInputs } from '../support/analytic-model.js';
import { expectClose, hasGolden, NotBuiltCount, readJson, readTensors, realTensor, type GoldenTensor } from '../support/goldens.js';

interface Case {
  id: string;
  sampler: string;
  sigmas: string;
  options: Record<string, unknown>;
  model?: 'flow';
  n_model_calls: number;
  n_noise_draws: number;
  max_abs_diff_f32_vs_f64?: number;
  no_f64?: string;
  /** Where the unconditional answer counts. */
  cfg_scale?: number;
  error?: string;
}

interface CaseFile {
  tensors_file: string;
  cases: Case[];
}

type Precision = 'f32' | 'f64';

const inputs = hasGolden('samplers/inputs.json') ? readSamplerInputs() : undefined;
const sd15 = tableSampling(scaledLinearLevels(), 'eps');
/** The one that both programs' records are made with. */
const flow = samplingOf({ kind: 'flow', shift: 3, multiplier: 1000 });

function numbers(values: readonly number[], precision: Precision): Float32Array | Float64Array {
  const rounded = Float32Array.from(values);
  return precision === 'f32' ? rounded : Float64Array.from(rounded);
}

interface Run {
  calls: Tensor[];
  /** The levels that the model was asked at. */
  asked: number[];
  steps: SamplerStep[];
}

/** Runs a sampler on the analytic model and keeps what it asked and what it yielded. */
async function run(
  sampler: Sampler,
  given: { model: ModelSampling; x: Tensor; sigmas: number[]; options: Record<string, unknown>; guidance?: number },
): Promise<Run> {
  const calls: Tensor[] = [];
  const asked: number[] = [];
  const denoise: Denoise = async (x, sigma) => {
    calls.push(x);
    asked.push(sigma);
    const answer = (model: (value: number, sigma: number) => number) =>
      tensor(
        x.shape,
        x.data.map((value) => model(value, sigma)),
      );
    const cond = answer(analyticDenoised);
    if (given.guidance === undefined) return { denoised: cond, uncond: cond };
    const uncond = answer(analyticUncond);
    return { denoised: classifierFree(cond, uncond, given.guidance, sigma, x), uncond };
  };
  const steps: SamplerStep[] = [];
  const noise = formulaNoise(inputs?.noise.noise_seed ?? 0, given.x);
  const options = sampler.options.parse(given.options);
  for await (const step of sampler.steps({ ...given, options, denoise, noise })) steps.push(step);
  return { calls, asked, steps };
}

/** Compares the last latent and every latent that the model was asked about. */
function expectTrajectory(
  tensors: ReadonlyMap<string, GoldenTensor>,
  record: Case,
  precision: Precision,
  calls: Tensor[],
  final: Tensor,
): void {
  const exact = { relative: keepsFloat32.some((name) => nameOf(record).startsWith(name)) ? 1e-5 : 1e-9 };
  /** In float32 four times as much as the original's own float32 run is off at its end. */
  const within = precision === 'f64' ? exact : { absolute: Math.max(2e-5, 4 * (record.max_abs_diff_f32_vs_f64 ?? 0)) };
  expect(calls).toHaveLength(record.n_model_calls);
  expectClose(final.data, realTensor(tensors, `${record.id}#final_${precision}`).data, within, 'final');
  if (!tensors.has(`${record.id}#calls_${precision}`) || (precision === 'f32' && followsRounding(record))) return;
  const asked = realTensor(tensors, `${record.id}#calls_${precision}`).data;
  const exactlyAsked = record.no_f64 ? asked : realTensor(tensors, `${record.id}#calls_f64`).data;
  for (const [index, call] of calls.entries()) {
    const { length } = call.data;
    // from almost pure noise the original's own float32 is off by more than at its end: then its float64 run is right, too
    const expected = Array.from(call.data, (value, i) => {
      const [theirs, exact] = [asked[index * length + i], exactlyAsked[index * length + i]];
      return Math.abs(value - exact) < Math.abs(value - theirs) ? exact : theirs;
    });
    expectClose(call.data, expected, within, `call ${index + 1}`);
  }
}

/**
 * DPM adaptive's first errors are float32's rounding and little else, and with other tolerances or weights the lengths of the next
 * steps follow them visibly: the latents on the way are then compared in float64 only, the decisions and the end in both.
 */
function followsRounding(record: Case): boolean {
  return ['rtol', 'atol', 'pcoeff', 'icoeff', 'dcoeff'].some((name) => Object.hasOwn(record.options, name));
}

/** Originals that keep float32 pieces in a float64 run, as the goldens' README lists them; `lms` integrates numerically. */
const keepsFloat32 = ['dpm_fast', 'deis', 'er_sde', 'restart', 'dpm_adaptive', 'lms'];

/** The sampler's name without what its program puts around it; what is an option there and a sampler here is part of it. */
function nameOf({ sampler, options }: Case): string {
  const name = sampler.replace(/^(\w+\.)?sample_/, '').replace(/_sampler$/, '');
  return options.solver_type === 'heun' ? `${name}_heun` : name;
}

/** The options of a record that are options here too; some functions leave noise off where programs ask for it. */
function optionsOf(record: Case): Record<string, unknown> {
  const { solver_type: _type, n: _calls, restart_list: restarts, ...options } = record.options;
  if (restarts) options.restart_list = restartText(restarts as Record<string, number[]>);
  return ['dpm_fast', 'dpm_adaptive'].includes(nameOf(record)) ? { eta: 0, ...options } : options;
}

/** A dictionary of restarts as our option has it. */
function restartText(restarts: Record<string, number[]>): string {
  return Object.entries(restarts)
    .map(([from, [levels, times, backTo]]) => `${from}: ${levels}, ${times}, ${backTo}`)
    .join('; ');
}

/** The levels of a record: the sampler's own between the ends of the listed ones, where it chooses them itself. */
function levelsOf(record: Case, sampler: Sampler, listed: number[]): number[] {
  if (!sampler.levels) return listed;
  const ends = { sigmaMin: listed.findLast((sigma) => sigma > 0) ?? 0, sigmaMax: listed[0] };
  return sampler.levels({ ...sd15, ...ends }, Number(record.options.n ?? listed.length - 1));
}

/** What the original hands over. SA-Solver in ComfyUI forgets its last step where that does not lead to 0. */
function handedOver({ id }: Sampler, { x, sigma, memory }: SamplerStep, sigmas: readonly number[]): Tensor {
  if (!id.startsWith('sa-solver') || sigmas[sigmas.length - 1] === 0) return x;
  const start = memory!.start as Tensor; // in variance-exploding form
  return sigmas[0] <= 1 ? scale(start, 1 - sigma) : start;
}

/** Every precision that the record has. */
function precisionsOf(record: Case): Precision[] {
  return record.no_f64 ? ['f32'] : ['f32', 'f64'];
}

/** Why a case of σ-space samplers cannot be run yet. */
function missing(record: Case, sampler: Sampler | undefined): string | undefined {
  const name = nameOf(record);
  if (!sampler) return name;
  const unknown = Object.keys(optionsOf(record)).filter((option) => !Object.hasOwn(sampler.options.shape, option));
  if (unknown.length > 0) return `${name} with ${unknown.join(', ')}`;
  return undefined;
}

for (const file of ['samplers/kdiffusion_forge.json', 'samplers/comfy.json']) {
  describe.runIf(inputs && hasGolden(file))(file, () => {
    const golden = readJson<CaseFile>(file);
    const tensors = readTensors(golden.tensors_file);
    const left = new NotBuiltCount();
    for (const record of golden.cases) {
      const id = nameOf(record).replaceAll('_', '-');
      // Forge's function for LCM alone, without the wrapper around its model, is ComfyUI's
      const isAlone = file.includes('comfy') || id === 'lcm';
      const ofComfyui = isAlone ? samplers.find((each) => each.id === `${id}-comfyui`) : undefined;
      const sampler = ofComfyui ?? samplers.find((each) => each.id === id);
      const reason = missing(record, sampler);
      if (reason || !sampler || !inputs) {
        left.add(reason ?? record.sampler);
        continue;
      }
      test.each(precisionsOf(record))(`${record.id} in %s`, async (precision) => {
        const listed = Array.from(numbers(inputs.sigma_lists[record.sigmas], 'f64'));
        const sigmas = levelsOf(record, sampler, listed);
        // eps models start from noise as strong as the first level, a float32 product in both precisions
        const start = record.model === 'flow' ? inputs.x_unit : inputs.x_unit.map((value) => Math.fround(Math.fround(value) * listed[0]));
        const x = tensor(inputs.shape, numbers(start, precision));
        const { calls, steps } = await run(sampler, {
          model: record.model === 'flow' ? flow : sd15,
          x,
          sigmas,
          options: optionsOf(record),
          guidance: record.cfg_scale,
        });
        expectTrajectory(tensors, record, precision, calls, handedOver(sampler, steps[steps.length - 1], sigmas));
      });
    }
    left.report();
  });
}

/** What UniPC's options are called in Forge's function; in its settings they have a prefix. */
const aliasesOfOptions: Record<string, string> = {
  variant: 'uni_pc_variant',
  skip_type: 'uni_pc_skip_type',
  order: 'uni_pc_order',
  lower_order_final: 'uni_pc_lower_order_final',
};

describe.runIf(inputs && hasGolden('samplers/timesteps_forge.json'))('samplers/timesteps_forge.json', () => {
  const golden = readJson<CaseFile>('samplers/timesteps_forge.json');
  const tensors = readTensors(golden.tensors_file);
  const left = new NotBuiltCount();
  const kept = (inputs?.alphas_cumprod_f32.values ?? []).map(Math.fround); // ᾱ
  const model = tableSampling(
    Float64Array.from(kept, (alpha) => Math.sqrt((1 - alpha) / alpha)),
    'eps',
  );
  for (const record of golden.cases) {
    const sampler = samplers.find(({ id }) => id === record.sampler.replaceAll('_', '-'));
    const options = Object.fromEntries(Object.entries(record.options).map(([name, value]) => [aliasesOfOptions[name] ?? name, value]));
    const unknown = Object.keys(options).filter((option) => !Object.hasOwn(sampler?.options.shape ?? {}, option));
    if (!sampler?.levels || !inputs || unknown.length > 0) {
      left.add(`${record.sampler}${unknown.length > 0 ? ` with ${unknown.join(', ')}` : ''}`);
      continue;
    }
    test.each(precisionsOf(record))(`${record.id} in %s`, async (precision) => {
      const timesteps = inputs.timestep_lists[record.sigmas];
      // UniPC steps between times of its own, as many as there are timesteps
      const isUnipc = sampler.id === 'unipc';
      const sigmas = isUnipc
        ? sampler.levels!(model, timesteps.length, options)
        : timesteps.toReversed().map((timestep) => model.sigmas[timestep]);
      const x = scale(tensor(inputs.shape, numbers(inputs.x_unit, precision)), Math.hypot(1, sigmas[0]));
      const { calls, asked, steps } = await run(sampler, { model, x, sigmas, options, guidance: record.cfg_scale });
      const preserving = calls.map((call, index) => scale(call, 1 / Math.hypot(1, asked[index])));
      expectTrajectory(tensors, record, precision, preserving, steps[steps.length - 1].x);
    });
  }
  left.report();
});

describe.runIf(inputs && hasGolden('samplers/diffusers.json'))('samplers/diffusers.json', () => {
  interface DiffusersCase {
    id: string;
    scheduler: string;
    config: Record<string, unknown>;
    sigmas?: number[];
    sigma_seen?: number[];
    trajectory?: string;
  }
  const golden = readJson<{ tensors_file: string; cases: DiffusersCase[] }>('samplers/diffusers.json');
  const tensors = readTensors(golden.tensors_file);
  const left = new NotBuiltCount();

  /** The sampler of ours that does the same, and whether diffusers keeps its latents in variance-preserving form. */
  function ours({ scheduler, config, sigmas, sigma_seen }: DiffusersCase): { sampler: Sampler; isPreserving: boolean } | undefined {
    if (scheduler === 'EulerDiscreteScheduler') return { sampler: euler, isPreserving: false };
    if (scheduler === 'EulerAncestralDiscreteScheduler') return { sampler: eulerAncestral, isPreserving: false };
    if (scheduler === 'HeunDiscreteScheduler') return { sampler: heun, isPreserving: false };
    if (scheduler === 'DDIMScheduler' && config.prediction_type === undefined) return { sampler: ddim, isPreserving: true };
    // with Karras levels diffusers asks the model at rounded timesteps, so at other levels than it steps over
    const asksWhereItSteps = sigma_seen?.every((seen, index) => Math.abs(seen / (sigmas?.[index] ?? seen) - 1) < 1e-6);
    const isSecondOrder = config.solver_order === undefined && config.algorithm_type === undefined;
    if (scheduler === 'DPMSolverMultistepScheduler' && isSecondOrder && asksWhereItSteps) return { sampler: dpmpp2m, isPreserving: true };
    return undefined;
  }

  for (const record of golden.cases) {
    const match = ours(record);
    const { trajectory, sigma_seen: seen } = record;
    if (trajectory === undefined || seen === undefined) {
      left.add('timesteps of diffusers schedulers');
      continue;
    }
    if (!match || !inputs) {
      left.add(record.scheduler);
      continue;
    }
    test(record.id, async () => {
      const { sampler, isPreserving } = match;
      // DDIM lists no levels; it ends at the model's lowest. Heun lists each level twice.
      const sigmas = (record.sigmas ?? [...seen, sd15.sigmas[0]]).filter((sigma, index, all) => sigma !== all[index - 1]);
      const form = (x: Tensor, sigma: number) => (isPreserving ? scale(x, 1 / Math.hypot(1, sigma)) : x);
      const { data, shape } = realTensor(tensors, trajectory); // [the start and every step, ...latent]
      const size = data.length / shape[0];
      const start = tensor(shape.slice(1), data.slice(0, size));
      const x = isPreserving ? scale(start, Math.hypot(1, sigmas[0])) : start;
      const { steps } = await run(sampler, { model: sd15, x, sigmas, options: {} });

      const rowsPerStep = sampler.callsPerStep;
      for (const [index, step] of steps.entries()) {
        const row = Math.min((index + 1) * rowsPerStep, shape[0] - 1);
        const isHandedOver = sampler === ddim && index === steps.length - 1; // DDIM's last latent is in that form already
        const after = isHandedOver ? step.x : form(step.x, sigmas[index + 1]);
        expectClose(after.data, data.subarray(row * size, (row + 1) * size), { absolute: 2e-5 }, `after step ${index + 1}`);
      }
    });
  }
  left.report();
});

describe.runIf(inputs && hasGolden('samplers/reforge_extra.json'))('samplers/reforge_extra.json', () => {
  const golden = readJson<CaseFile>('samplers/reforge_extra.json');
  const tensors = readTensors(golden.tensors_file);
  const left = new NotBuiltCount();
  for (const record of golden.cases) {
    const name = nameOf(record);
    const id = name.replaceAll('_', '-');
    const sampler = samplers.find((each) => each.id === `${id}-reforge`) ?? samplers.find((each) => each.id === id);
    // reForge's settings have the sampler's name before the option's
    const options = Object.fromEntries(Object.entries(record.options).map(([key, value]) => [key.replace(`${name}_`, ''), value]));
    const unknown = Object.keys(options).filter((option) => !Object.hasOwn(sampler?.options.shape ?? {}, option));
    if (!sampler || !inputs || unknown.length > 0) {
      left.add(`reForge ${record.sampler}${unknown.length > 0 ? ` with ${unknown.join(', ')}` : ''}`);
      continue;
    }
    test(record.id, async () => {
      const sigmas = Array.from(numbers(inputs.sigma_lists[record.sigmas], 'f64'));
      const isFlow = record.sigmas.startsWith('flow');
      const start = isFlow ? inputs.x_unit : inputs.x_unit.map((value) => Math.fround(Math.fround(value) * sigmas[0]));
      const x = tensor(inputs.shape, numbers(start, 'f32'));
      // Euler A2's function is for flow models, also where its record has other levels
      const model = isFlow || name === 'euler_a2' ? flow : sd15;
      // the guidance that its denoiser would have divided is given to the original as it is
      const guidance = name === 'dpmpp_2m_cfgpp' ? 12.5 * record.cfg_scale! : record.cfg_scale;
      const { calls, steps } = await run(sampler, { model, x, sigmas, options, guidance });
      expect(calls).toHaveLength(record.n_model_calls);
      expectClose(steps[steps.length - 1].x.data, realTensor(tensors, `${record.id}#final_f32`).data, { absolute: 2e-5 }, 'final');
    });
  }
  left.report();
});

import {
  concat,
  scale,
  tensor,
  type Condition,
  type Conditioning,
  type Denoise,
  type ModelCall,
  type ModelSampling,
  type Sampler,
  type Scheduler,
  type Tensor,
} from '@atelier/sdk';
import { describe, expect, test } from 'vitest';
import { rescaled } from '../../backend/src/diffusion/cfg-rescale.js';
import { classifierFree, guided } from '../../backend/src/diffusion/guidance.js';
import { guidanceStrength } from '../../backend/src/diffusion/guidance-strength.js';
import { keeping } from '../../backend/src/diffusion/inpainting.js';
import { samplingOf } from '../../backend/src/diffusion/model-sampling.js';
import { effectiveScheduler, noised, noiseLevels, startNoise } from '../../backend/src/diffusion/noise-levels.js';
import { BatchNoise } from '../../backend/src/diffusion/noise/batch-noise.js';
import { stepNoise } from '../../backend/src/diffusion/noise/step-noise.js';
import { sample } from '../../backend/src/diffusion/sample.js';
import { samplers } from '../../backend/src/diffusion/samplers/index.js';
import { schedulers } from '../../backend/src/diffusion/schedulers/index.js';
import { analyticConditional, analyticDenoised, analyticUncond } from '../support/analytic-model.js';
import { promptSteps } from '../../backend/src/pipeline/encode-prompts.js';
import { composePrompt, scheduleOf } from '../../backend/src/prompt/index.js';
import { expectClose, hasGolden, NotBuiltCount, readJson, readTensors, realTensor, type Tolerance } from '../support/goldens.js';

const sd15 = samplingOf({ kind: 'discrete', prediction: 'eps' });
/** The flow model of both programs' runs. */
const flow = samplingOf({ kind: 'flow', shift: 3, multiplier: 1000 });
const guidanceTolerance: Tolerance = { absolute: 1e-5, relative: 1e-5 };

/** The goldens' model as a network that names the noise, or the way to it (flow): each row of `x` goes with a row of the condition. */
function analyticCall(sigma: number, model: ModelSampling, seen: (rows: number) => void = () => {}): ModelCall {
  const strength = model.prediction === 'flow' ? 1 : Math.hypot(1, sigma);
  return async (input, _timestep, { context }) => {
    seen(input.shape[0]);
    const size = input.data.length / input.shape[0];
    const tokens = context.data.length / context.shape[0];
    return tensor(
      input.shape,
      input.data.map((value, index) => {
        const row = Math.floor(index / size);
        const meaning = meanOf(context.data.subarray(row * tokens, (row + 1) * tokens));
        const x = value * strength;
        return (x - analyticConditional(x, sigma, meaning)) / sigma;
      }),
    );
  };
}

/** The goldens' closed form of a text encoder, [count, 2 tokens, 3 wide]. */
function encoded(text: string, count: number): Condition {
  const value = (Buffer.from(text).reduce((sum, byte) => sum + byte, 0) % 101) / 101 - 0.5;
  const one = tensor(
    [1, 2, 3],
    Float32Array.from({ length: 6 }, (_, index) => value * (1 + 0.1 * Math.floor(index / 3) + 0.01 * (index % 3))),
  );
  return { context: concat(Array.from({ length: count }, () => one)) };
}

/** A latent as one of the goldens' models sees it. */
function seenBy(model: (x: number, sigma: number) => number, x: Tensor, sigma: number): Tensor {
  return tensor(
    x.shape,
    x.data.map((value) => model(value, sigma)),
  );
}

function meanOf(values: Iterable<number>): number {
  const all = [...values];
  return all.reduce((sum, each) => sum + each, 0) / all.length;
}

/** A call of which part of the picture is kept, as Forge or ComfyUI makes it; both name their masks by what they mean. */
interface MaskedCall {
  impl: string;
  flow?: boolean;
  sigma: number;
  x: number[];
  init_latent?: number[];
  latent_image?: number[];
  nmask?: number[];
  'denoise_mask [1,1,2,3] (1 = denoise)'?: number[];
  noise?: number[];
  'noise (k=0)'?: number[];
  cond_scale?: number;
  cond_text?: string;
  uncond_text?: string;
  denoised?: number[];
  out?: number[];
}

describe.runIf(hasGolden('cfg/cfg.json'))('guidance', () => {
  type Composition = [part: number, weight: number][][];
  const golden = readJson<{
    combine_denoised: {
      conds_list: Composition;
      batch: number;
      cond_scale: number;
      'x_out [conds..., unconds...] shape': number[];
      x_out: number[];
      denoised: number[];
    }[];
    sampling_function: {
      x_shape: number[];
      x: number[];
      sigma: number;
      'cond [n,2,3]': number[];
      uncond: number[] | null;
      cond_composition: Composition;
      cond_scale: number;
      denoised: number[];
      model_batches: number[];
    }[];
    inpaint: MaskedCall[];
    rescale: (Record<'x' | 'cond_denoised' | 'uncond_denoised' | 'denoised_comfy_RescaleCFG' | 'shape', number[]> &
      Record<'phi' | 'cond_scale' | 'sigma', number>)[];
    effective_cond_scale: (Record<'step' | 'total_steps' | 'sigma' | 's_min_uncond' | 'skip_early_cond' | 'cfg_scale', number> &
      Record<'s_min_uncond_all' | 'is_hr_pass', boolean> & { effective_cond_scale: number })[];
    [kind: string]: unknown;
  }>('cfg/cfg.json');
  const left = new NotBuiltCount();
  for (const record of golden.combine_denoised) {
    if (record.cond_scale === 1) {
      left.add('an unconditional branch at scale 1, which A1111 has and Forge has not');
      continue;
    }
    test(`${record.conds_list.map((parts) => parts.map(([, weight]) => weight).join(' AND ')).join(', ')} combined at scale ${record.cond_scale}`, async () => {
      // answers that the model gives whatever it is asked: rows of the record
      const [answers, channels, ...sides] = record['x_out [conds..., unconds...] shape'];
      const clean = Float64Array.from(record.x_out);
      const size = clean.length / answers;
      const x = tensor([record.batch, channels, ...sides], new Float64Array(record.batch * size));
      const sigma = 1;
      const denoise = guided({
        model: sd15,
        call: async (input) =>
          tensor(
            input.shape,
            clean.map((value) => -value / sigma),
          ),
        conditioning: {
          cond: { context: tensor([answers - record.batch, 1, 1], new Float64Array(answers - record.batch)) },
          uncond: { context: tensor([record.batch, 1, 1], new Float64Array(record.batch)) },
          composition: record.conds_list.map((parts) => parts.map(([, weight]) => weight)),
        },
        scale: record.cond_scale,
      });
      expectClose((await denoise(x, sigma)).denoised.data, record.denoised, guidanceTolerance);
    });
  }

  for (const [index, record] of golden.sampling_function.entries()) {
    if (record.uncond === null) {
      left.add('guidance with nothing in place of the negative prompt');
      continue;
    }
    const { uncond } = record;
    test(`a guided model at scale ${record.cond_scale}, level ${record.sigma} (record ${index})`, async () => {
      const rowsSeen: number[] = [];
      const denoise = guided({
        model: sd15,
        call: analyticCall(record.sigma, sd15, (rows) => rowsSeen.push(rows)),
        conditioning: {
          cond: texts(record['cond [n,2,3]']),
          uncond: texts(uncond),
          composition: record.cond_composition.map((parts) => parts.map(([, weight]) => weight)),
        },
        scale: record.cond_scale,
      });
      const { denoised } = await denoise(tensor(record.x_shape, Float64Array.from(record.x)), record.sigma);
      expectClose(denoised.data, record.denoised, guidanceTolerance);
      expect(rowsSeen).toEqual(record.model_batches);
    });
  }

  for (const [index, record] of golden.inpaint.entries()) {
    test(`a masked call of ${record.impl}, level ${record.sigma} (record ${index})`, async () => {
      const { sigma, x, cond_scale, cond_text, uncond_text } = record;
      const isFlow = record.flow === true;
      const model = isFlow ? flow : sd15;
      const maskValues = record.nmask ?? record['denoise_mask [1,1,2,3] (1 = denoise)']!;
      const latent = latentOf(record.init_latent ?? record.latent_image!);
      const noise = scale(latentOf(record.noise ?? record['noise (k=0)']!), sigma);
      const mask = tensor([1, (maskValues.length * latent.shape[1]) / x.length, 2, 3], Float64Array.from(maskValues));
      const denoise: Denoise =
        cond_scale === undefined
          ? async (seen) => ({ denoised: seenBy(analyticDenoised, seen, sigma), uncond: seen })
          : guided({
              model,
              call: analyticCall(sigma, model),
              conditioning: { cond: encoded(cond_text!, 1), uncond: encoded(uncond_text!, 1) },
              scale: cond_scale,
            });
      const kept = keeping(denoise, { mask, latent, noisedAt: () => noised(latent, noise, sigma, model) });
      expectClose((await kept(latentOf(x), sigma)).denoised.data, record.denoised ?? record.out!, guidanceTolerance);
    });
  }

  test.each(golden.rescale)('guidance rescaled by $phi at scale $cond_scale, level $sigma', (record) => {
    const latent = (values: number[]) => tensor(record.shape, Float64Array.from(values));
    const { phi, cond_scale, sigma } = record;
    const answer = rescaled(classifierFree, phi)(
      latent(record.cond_denoised),
      latent(record.uncond_denoised),
      cond_scale,
      sigma,
      latent(record.x),
    );
    expectClose(answer.data, record.denoised_comfy_RescaleCFG, guidanceTolerance);
  });

  for (const [index, record] of golden.effective_cond_scale.entries()) {
    if (record.is_hr_pass) {
      left.add('guidance of a second pass');
      continue;
    }
    test(`guidance at call ${record.step} of ${record.total_steps}, level ${record.sigma} (record ${index})`, () => {
      const strength = guidanceStrength({
        cfgScale: record.cfg_scale,
        calls: record.total_steps,
        minSigma: record.s_min_uncond,
        minSigmaForAll: record.s_min_uncond_all,
        skipEarly: record.skip_early_cond,
      });
      expect(strength(record.step, record.sigma)).toBe(record.effective_cond_scale);
    });
  }

  const built = ['combine_denoised', 'sampling_function', 'inpaint', 'rescale', 'effective_cond_scale'];
  for (const [kind, records] of Object.entries(golden)) {
    if (!built.includes(kind) && Array.isArray(records)) left.add(kind, records.length);
  }
  left.report();

  function latentOf(values: number[]): Tensor {
    return tensor([1, values.length / 6, 2, 3], Float64Array.from(values));
  }

  function texts(values: number[]): Condition {
    return { context: tensor([values.length / 6, 2, 3], Float64Array.from(values)) };
  }
});

describe.runIf(hasGolden('cfg/pipelines.json'))('whole runs', () => {
  interface Pipeline {
    id: string;
    sampler: string;
    scheduler: string;
    randn_source: 'CPU' | 'NV';
    steps: number;
    prompt: string;
    negative_prompt: string;
    cfg_scale: number;
    seeds: number[];
    latent_shape: number[];
    options: { eta_noise_seed_delta?: number } & Record<string, unknown>;
    p_fields: { subseeds?: number[]; subseed_strength?: number; s_min_uncond?: number } & Record<string, unknown>;
    img2img?: object;
    tensor: string;
    model_calls: number;
    model_sigmas: number[];
  }
  const golden = readJson<{ tensors_file: string; cases: Pipeline[] }>('cfg/pipelines.json');
  const tensors = readTensors(golden.tensors_file);
  const left = new NotBuiltCount();

  for (const record of golden.cases) {
    const sampler = samplers.find(({ label }) => label === record.sampler);
    const asked = schedulers.find(({ label }) => label === record.scheduler);
    // what is switched off is as if it were not there
    const options = Object.fromEntries(Object.entries({ ...record.options, ...record.p_fields }).filter(([, value]) => value !== false));
    const reason = whyNot(record, sampler?.options.shape, options);
    if (reason !== undefined || !sampler || !asked) {
      left.add(reason ?? (sampler ? record.scheduler : record.sampler));
      continue;
    }
    test(record.id, async () => {
      const ofRun = record.id.startsWith('flow/') ? flow : sd15; // such runs are named by their id only
      const model = sampler.sampling?.(ofRun) ?? ofRun;
      const scheduler = effectiveScheduler(asked, sampler, schedulers, model);
      const sigmas = noiseLevels({ sampler, scheduler, model, stepCount: record.steps });
      const { randn_source: source, seeds, latent_shape: shape } = record;
      const { eta_noise_seed_delta: seedDelta = 0 } = record.options;
      const { subseeds, subseed_strength: subseedStrength, s_min_uncond: minSigma = 0 } = record.p_fields;
      const fresh = new BatchNoise(source, seeds, shape, { ...(subseeds && { subseeds, subseedStrength }), seedDelta });
      const strength = guidanceStrength({ cfgScale: record.cfg_scale, calls: record.steps, minSigma, minSigmaForAll: false, skipEarly: 0 });
      const sigmasSeen: number[] = [];
      const denoise: Denoise = (x, sigma) => {
        const evaluation = sigmasSeen.push(sigma) - 1;
        const conditioning = conditioningAt(record, promptSteps(record.steps, sampler), evaluation);
        return guided({ model, call: analyticCall(sigma, model), conditioning, scale: strength(evaluation, sigma) })(x, sigma);
      };
      const start = startNoise(fresh.next(), sampler, sigmas[0]);
      const x = tensor(start.shape, Float64Array.from(start.data)); // strong guidance makes much of float32's last digits
      const noise = stepNoise(sampler, { fresh, source, seeds, shape, sigmas });
      const sampled = await sample({ sampler, options, model, denoise, noise, x, sigmas });
      expect(sampled).toMatchObject({ modelCalls: record.model_calls, wasStopped: false });
      const isAdaptive = record.sampler === 'DPM adaptive'; // its levels follow from its values
      expectClose(sigmasSeen, record.model_sigmas, { relative: isAdaptive ? 1e-4 : 1e-6 }, 'levels asked');
      expectClose(sampled.x.data, realTensor(tensors, record.tensor).data, { absolute: 2e-4 }, 'latent');
    });
  }
  left.report();

  /** What of a run is not built yet. */
  function whyNot(
    { id, img2img, sampler, randn_source: source }: Pipeline,
    shape: object | undefined,
    options: object,
  ): string | undefined {
    // churn is off in these runs
    if (id.startsWith('flow/') && shape && Object.hasOwn(shape, 'eta'))
      return 'noise in steps of SD3 as Forge has it, as if the picture did not fade';
    if (img2img) return 'whole img2img runs';
    if (sampler === 'DDPM') return 'DDPM as Forge has it, drawing from a generator that no seed of the picture decides';
    const magnifies = sampler === 'DPM fast' || (sampler === 'DPM++ 3M SDE' && source === 'CPU');
    if (magnifies) return 'runs that magnify the last digits of PyTorch’s noise beyond the tolerance (seen: up to 8e-4)';
    if (!shape) return undefined; // the sampler is not there
    const ofRun = ['eta_noise_seed_delta', 's_min_uncond', 'subseeds', 'subseed_strength'];
    const unknown = Object.keys(options).filter((option) => !Object.hasOwn(shape, option) && !ofRun.includes(option));
    if (unknown.length > 0) return `whole runs with ${unknown.join(', ')}`;
    return undefined;
  }

  function conditioningAt({ prompt, negative_prompt, seeds }: Pipeline, steps: number, evaluation: number): Conditioning {
    const textAt = (text: string) => {
      const texts = scheduleOf(text, { steps });
      return (texts.find(({ until }) => evaluation <= until) ?? texts[0]).text;
    };
    const parts = composePrompt(prompt);
    const ofPicture = concat(parts.map(({ text }) => encoded(textAt(text), 1).context));
    return {
      cond: { context: concat(seeds.map(() => ofPicture)) },
      uncond: encoded(textAt(negative_prompt), seeds.length),
      composition: seeds.map(() => parts.map(({ weight }) => weight)),
    };
  }
});

describe.runIf(hasGolden('cfg/comfy_pipelines.json'))('whole runs of ComfyUI', () => {
  interface ComfyRun {
    id: string;
    sampler: string;
    model: 'eps' | 'flow';
    scheduler: string;
    steps: number;
    /** Which share of the steps is done, the last ones. */
    denoise: number;
    seed: number;
    cfg: number;
    latent: string;
    denoise_mask: string | null;
    tensor: string;
    n_model_calls: number;
  }
  const golden = readJson<{ shape: number[]; tensors_file: string; cases: ComfyRun[] }>('cfg/comfy_pipelines.json');
  const tensors = readTensors(golden.tensors_file);
  const left = new NotBuiltCount();
  const [, ...shape] = golden.shape;

  for (const record of golden.cases) {
    const sampler = comfySampler(record.sampler);
    const scheduler = ofComfyui(schedulers, record.scheduler);
    if (!sampler || !scheduler) {
      left.add(`${record.sampler}, ${record.scheduler}`);
      continue;
    }
    test(record.id, async () => {
      const model = record.model === 'flow' ? flow : sd15;
      const scheduled = levelsOf(record, scheduler, model);
      const sigmas = sampler.levels
        ? sampler.levels({ ...model, sigmaMin: scheduled.at(-2)!, sigmaMax: scheduled[0] }, scheduled.length - 1)
        : scheduled;
      const seeds = [record.seed];
      const unit = new BatchNoise('CPU', seeds, shape).next();
      // a run over all levels starts as if from the variance-preserving form
      const isFull = model.prediction === 'eps' && record.denoise === 1;
      const start = scale(unit, isFull ? Math.hypot(1, sigmas[0]) : sigmas[0]);
      const latent = record.latent === 'zeros' ? scale(unit, 0) : realTensor(tensors, record.latent);
      // noise in steps comes from a generator of its own with the same seed, so the first of it is the start's again
      const fresh = new BatchNoise('CPU', seeds, shape);
      const noise = stepNoise(sampler, {
        fresh,
        source: 'CPU',
        seeds,
        shape,
        sigmas,
      });
      const options = ['dpm-fast', 'dpm-adaptive'].includes(sampler.id) ? { eta: 0 } : {};
      const x = noised(latent, start, sigmas[0], model);
      const guidance = analyticGuided(record.cfg);
      const noisedAt = (sigma: number) => noised(latent, scale(unit, sigma), sigma, model);
      const denoise = record.denoise_mask
        ? keeping(guidance, { mask: realTensor(tensors, record.denoise_mask), latent, noisedAt })
        : guidance;
      const sampled = await sample({ sampler, options, model, denoise, noise, x, sigmas });
      expect(sampled.modelCalls).toBe(record.n_model_calls);
      expectClose(sampled.x.data, realTensor(tensors, record.tensor).data, { absolute: 2e-4 }, 'latent');
    });
  }
  left.report();

  /** What has its name under ComfyUI's id, or is the same there. DDIM is Euler in ComfyUI. */
  function comfySampler(name: string): Sampler | undefined {
    return ofComfyui(samplers, name === 'ddim' ? 'euler' : name);
  }

  function ofComfyui<Item extends { id: string; aliases: readonly string[] }>(known: readonly Item[], name: string): Item | undefined {
    const id = name.replaceAll('_', '-');
    return known.find((each) => each.id === `${id}-comfyui`) ?? known.find((each) => each.id === id || each.aliases.includes(name));
  }

  function levelsOf({ sampler, steps, denoise }: ComfyRun, scheduler: Scheduler, model: ModelSampling): number[] {
    const whole = Math.trunc(steps / denoise);
    const discards = ['dpm_2', 'dpm_2_ancestral', 'uni_pc', 'uni_pc_bh2'].includes(sampler);
    const levels = discards ? scheduler.levels(model, whole + 1).toSpliced(-2, 1) : scheduler.levels(model, whole);
    return levels.slice(-(steps + 1));
  }

  function analyticGuided(guidance: number): Denoise {
    return async (x, sigma) => {
      const [cond, uncond] = [analyticDenoised, analyticUncond].map((model) => seenBy(model, x, sigma));
      return { denoised: classifierFree(cond, uncond, guidance, sigma, x), uncond };
    };
  }
});

if (hasGolden('cfg/regional.json')) {
  const left = new NotBuiltCount();
  const kinds = Object.entries(readJson<Record<string, unknown>>('cfg/regional.json'));
  for (const [kind, records] of kinds) if (Array.isArray(records)) left.add(`cfg/regional.json ${kind}`, records.length);
  left.report();
}

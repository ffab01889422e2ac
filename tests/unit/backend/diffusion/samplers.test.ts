import { scale, tensor, type Denoise, type ModelSampling, type Noise, type Sampler, type SamplerStep, type Tensor } from '@atelier/sdk';
import { gaussianWorld } from '@atelier/sdk/testing';
import { describe, expect, test } from 'vitest';
import { samplingOf } from '../../../../backend/src/diffusion/model-sampling.js';
import { BatchNoise, type NoisePosition } from '../../../../backend/src/diffusion/noise/batch-noise.js';
import { dpmFast } from '../../../../backend/src/diffusion/samplers/dpm-fast.js';
import { samplers } from '../../../../backend/src/diffusion/samplers/index.js';
import { karras } from '../../../../backend/src/diffusion/schedulers/karras.js';
import { simple } from '../../../../backend/src/diffusion/schedulers/simple.js';
import { ancestralStep, splitStep } from '../../../../backend/src/diffusion/samplers/split-step.js';
import { timesteps } from '../../../../backend/src/diffusion/samplers/timesteps.js';
import { scaledLinearLevels, tableSampling } from '../../../../backend/src/diffusion/sigma-table.js';
import { maxDifference } from '../../../support/goldens.js';

const world = gaussianWorld({ mean: 0.5, spread: 0.7 });
const shape = [1, 4, 2, 2];
const start = tensor(
  shape,
  Float64Array.from({ length: 16 }, (_, index) => Math.sin(index + 1) * 10),
);

/** Options with which a sampler draws no noise. */
function quiet({ options: { shape } }: Sampler): Record<string, unknown> {
  return Object.hasOwn(shape, 'eta') ? { eta: 0 } : {};
}

/** Samplers whose order is not measured, and why. */
const notMeasured: Record<string, string> = {
  ddpm: 'always draws noise',
  lcm: 'always draws noise',
  'lcm-comfyui': 'always draws noise',
  'euler-dy': 'takes no step of the flow in some steps, and always draws noise',
  'euler-smea-dy': 'takes no step of the flow in some steps, and always draws noise',
  'euler-negative': 'takes no step of the flow in some steps, and always draws noise',
  'euler-dy-negative': 'takes no step of the flow in some steps, and always draws noise',
  'dpmpp-2m-cfgpp-reforge': 'takes the noise of the step before for its guess',
  'er-sde': 'is about noise: without it, its steps are not those of the flow',
  'dpm-adaptive': 'chooses its own steps',
  'dpm-fast': 'its steps are model calls; see below for whole steps of the solver',
  restart: 'draws noise from 20 steps on, and is Heun’s method below',
  unipc: 'asks the network at whole timesteps; the same steps are measured as UniPC (ComfyUI)',
};

/** Options with which it draws some. */
const noisy: Record<string, Record<string, unknown>> = {
  euler: { s_churn: 4, s_tmin: 0.1 },
  heun: { s_churn: 4, s_tmax: 5 },
  'dpm-2': { s_churn: 4, s_tmax: 5 },
  'euler-comfyui': { s_churn: 4, s_tmin: 0.1 },
  'heun-comfyui': { s_churn: 4, s_tmax: 5 },
  'dpm-2-comfyui': { s_churn: 4, s_tmax: 5 },
  heunpp2: { s_churn: 4, s_tmin: 0.1 },
  ddim: { eta: 0.6 },
  'ddim-cfgpp': { eta: 0.6 },
};

/** Levels for so many steps: those that the sampler chooses in its own way, else Karras's, all the way to 0. */
function levelsFor(sampler: Sampler, stepCount: number): number[] {
  return ownLevels.has(sampler.id) ? sampler.levels!(world.model, stepCount) : karras.levels(world.model, stepCount);
}
const ownLevels = new Set(['dpm-fast', 'dpm-adaptive']);

/** How far a run without noise ends from the exact end, at the world's lowest level: the way from there to 0 is too short to matter. */
async function errorOf(sampler: Sampler, stepCount: number): Promise<number> {
  const sigmas = ownLevels.has(sampler.id) ? levelsFor(sampler, stepCount) : levelsFor(sampler, stepCount + 1).slice(0, -1);
  const options = sampler.options.parse(quiet(sampler));
  let end = start;
  for await (const { x } of sampler.steps({ model: world.model, denoise: world.denoise, noise: refuseNoise, x: start, sigmas, options }))
    end = x;
  if (sampler.startScale) end = scale(end, Math.hypot(1, sigmas[stepCount])); // handed over in variance-preserving form
  return maxDifference(end.data, world.exact(start, sigmas[0], sigmas[stepCount]).data);
}

interface Going {
  x: Tensor;
  sigmas: readonly number[];
  noise: Noise;
  model?: ModelSampling;
  memory?: SamplerStep['memory'];
}

async function run(sampler: Sampler, going: Going, stopAfter = Number.POSITIVE_INFINITY): Promise<SamplerStep[]> {
  const done: SamplerStep[] = [];
  const options = sampler.options.parse(noisy[sampler.id] ?? {});
  for await (const step of sampler.steps({ model: world.model, denoise: world.denoise, options, ...going })) {
    done.push(step);
    if (done.length === stopAfter) break;
  }
  return done;
}

describe.each(samplers.map((sampler) => [sampler.label, sampler] as const))('%s', (_label, sampler) => {
  test.skipIf(notMeasured[sampler.id])('converges with the order it declares', async () => {
    const [coarse, fine] = [await errorOf(sampler, 64), await errorOf(sampler, 128)];
    expect(Math.log2(coarse / fine)).toBeGreaterThan(sampler.order - 0.2);
    expect(Math.log2(coarse / fine)).toBeLessThan(sampler.order + 0.6);
  });

  test('stopped after any step and resumed, ends in the same latent', async () => {
    const sigmas = levelsFor(sampler, 21);
    const unbroken = await run(sampler, { x: start, sigmas, noise: noiseOf(new BatchNoise('NV', [7], shape.slice(1))) });
    expect(unbroken).toHaveLength(sigmas.length - 1);
    for (let stop = 1; stop < sigmas.length - 1; stop++) {
      const source = new BatchNoise('NV', [7], shape.slice(1));
      const first = (await run(sampler, { x: start, sigmas, noise: noiseOf(source) }, stop))[stop - 1];
      const elsewhere = new BatchNoise('NV', [7], shape.slice(1), {}, JSON.parse(JSON.stringify(source.position)));
      const rest = await run(sampler, { x: first.x, sigmas: sigmas.slice(stop), noise: noiseOf(elsewhere), memory: first.memory });
      expect(rest.at(-1)?.x.data).toEqual(unbroken.at(-1)?.x.data);
    }
  });

  // how many calls an adaptive sampler makes is only known afterwards
  test.skipIf(sampler.id === 'dpm-adaptive')('calls the model as often as it says, in most of its steps', async () => {
    let calls = 0;
    const denoise: Denoise = (...asked) => ((calls += 1), world.denoise(...asked));
    const options = sampler.options.parse({});
    const sigmas = levelsFor(sampler, 9);
    const perStep: number[] = [];
    for await (const step of sampler.steps({ model: world.model, denoise, noise: zeroNoise, x: start, sigmas, options })) {
      expect(step.x.shape).toEqual(shape);
      perStep.push(calls);
      calls = 0;
    }
    expect(perStep.toSorted()[perStep.length >> 1]).toBe(sampler.callsPerStep);
  });

  test('draws no noise unless it says that it may', async () => {
    let draws = 0;
    const noise = (): Tensor => ((draws += 1), start);
    await run(sampler, { x: start, sigmas: levelsFor(sampler, 21), noise });
    expect(draws > 0).toBe(sampler.drawsNoise);
  });
});

test('DPM fast is of third order where its steps are full: 3 more model calls each', async () => {
  const [coarse, fine] = [await errorOf(dpmFast, 32), await errorOf(dpmFast, 62)]; // 10 and 20 full steps, and a last one of second order
  expect(Math.log2(coarse / fine)).toBeGreaterThan(2.8);
});

test('no two samplers answer to one name', () => {
  const names = samplers.flatMap(({ id, label, aliases }) => [...new Set([id, label, ...aliases])]);
  expect(new Set(names).size).toBe(names.length);
});

test('a run of a flow model goes on after a stop, also with samplers that see its latents in another form', async () => {
  const model = samplingOf({ kind: 'flow', shift: 3, multiplier: 1000 });
  const sigmas = simple.levels(model, 20);
  const going = (sampler: Sampler, from: Omit<Going, 'noise'>, position?: NoisePosition, stopAfter?: number) => {
    const source = new BatchNoise('NV', [7], shape.slice(1), {}, position);
    return { source, steps: run(sampler, { ...from, model, noise: noiseOf(source) }, stopAfter) };
  };
  for (const sampler of samplers.filter(({ suits }) => suits?.(model) !== false)) {
    const levels = ownLevels.has(sampler.id) ? sampler.levels!(model, 21) : sigmas;
    const whole = await going(sampler, { x: start, sigmas: levels }).steps;
    const first = going(sampler, { x: start, sigmas: levels }, undefined, 9);
    const reached = (await first.steps)[8];
    const rest = await going(sampler, { x: reached.x, sigmas: levels.slice(9), memory: reached.memory }, first.source.position).steps;
    expect(maxDifference(rest.at(-1)!.x.data, whole.at(-1)!.x.data), sampler.label).toBeLessThan(1e-9);
  }
});

test('a flow model’s step back up fades the picture by as much as noise comes in', () => {
  const model = samplingOf({ kind: 'flow', shift: 3, multiplier: 1000 });
  const { down, kept, up } = ancestralStep(model, 0.8, 0.6, 1);
  expect(kept * (1 - down)).toBeCloseTo(1 - 0.6, 12);
  expect(Math.hypot(kept * down, up)).toBeCloseTo(0.6, 12);
  expect(ancestralStep(model, 0.8, 0.6, 0)).toEqual({ down: 0.6, kept: 1, up: 0 });
});

test('splitting a step loses no noise: down and up recombine to the next level', () => {
  for (const eta of [0, 0.3, 1, 1.2]) {
    const { down, up } = splitStep(5, 3, eta);
    expect(Math.hypot(down, up)).toBeCloseTo(3, 10);
  }
});

test('DDIM takes every so-many-th timestep, falling, and ends at the second', () => {
  const model = tableSampling(scaledLinearLevels(), 'eps');
  expect(timesteps(model, 10)).toEqual([901, 801, 701, 601, 501, 401, 301, 201, 101, 1]);
  expect(timesteps(model, 7)[0]).toBe(995); // eight of them, since 7 does not divide 1000
  expect(timesteps(model, 7)).toHaveLength(8);
});

function noiseOf(source: BatchNoise): Noise {
  return () => {
    const { shape: drawn, data } = source.next();
    return tensor(drawn, Float64Array.from(data));
  };
}

function refuseNoise(): never {
  throw new Error('An order is measured without noise.');
}

function zeroNoise(): Tensor {
  return tensor(shape, new Float64Array(16));
}

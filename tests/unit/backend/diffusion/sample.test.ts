import { tensor, type Denoise, type Tensor } from '@atelier/sdk';
import { gaussianWorld } from '@atelier/sdk/testing';
import { expect, test } from 'vitest';
import { NonFiniteTensor } from '../../../../backend/src/diffusion/non-finite-tensor.js';
import { sample, type SampleRun, type SampleStep } from '../../../../backend/src/diffusion/sample.js';
import { dpmpp2m } from '../../../../backend/src/diffusion/samplers/dpmpp-2m.js';
import { euler } from '../../../../backend/src/diffusion/samplers/euler.js';
import { heun } from '../../../../backend/src/diffusion/samplers/heun.js';

const world = gaussianWorld({ mean: 0, spread: 1 });
const x = tensor([1, 1, 1, 2], Float64Array.of(9, -4));
const sigmas = [8, 4, 2, 1, 0];

function run(more: Partial<SampleRun> = {}) {
  const noise = (): Tensor => {
    throw new Error('no noise is wanted');
  };
  return sample({ sampler: euler, model: world.model, denoise: world.denoise, noise, x, sigmas, ...more });
}

test('a run reports every step in order and counts model calls', async () => {
  const told: SampleStep[] = [];
  const sampled = await run({ sampler: heun, onStep: (step) => void told.push(step) });
  expect(told.map(({ step, steps, sigma }) => [step, steps, sigma])).toEqual([
    [1, 4, 8],
    [2, 4, 4],
    [3, 4, 2],
    [4, 4, 1],
  ]);
  expect(sampled).toMatchObject({ stepsDone: 4, modelCalls: 7, wasStopped: false }); // the step to 0 needs one call only
  expect(sampled.x).toBe(told[3].x);
});

test('stopped after a step, a run hands over what is there', async () => {
  let last: SampleStep | undefined;
  const sampled = await run({ onStep: (step) => void (last = step), shouldStop: () => last?.step === 2 });
  expect(sampled).toMatchObject({ stepsDone: 2, modelCalls: 2, wasStopped: true });
  expect(sampled.x).toBe(last?.x);
  expect(sampled.denoised).toBe(last?.denoised);
});

test('stopped within a step, a run does not wait for its end', async () => {
  let calls = 0;
  const denoise: Denoise = (latent, sigma) => ((calls += 1), world.denoise(latent, sigma));
  const sampled = await run({ sampler: heun, denoise, shouldStop: () => calls === 3 });
  expect(calls).toBe(3);
  expect(sampled).toMatchObject({ stepsDone: 1, wasStopped: true });
});

test('a wish to stop that comes with the last step is too late', async () => {
  let done = 0;
  expect(await run({ onStep: () => void (done += 1), shouldStop: () => done === 4 })).toMatchObject({ stepsDone: 4, wasStopped: false });
});

test('a run goes on from a step that was written down, and counts on', async () => {
  const told: SampleStep[] = [];
  const whole = await run({ sampler: dpmpp2m, onStep: (step) => void told.push(step) });
  const { x: reached, memory } = told[1];
  const rest: number[] = [];
  const resumed = await run({
    sampler: dpmpp2m,
    x: reached,
    memory,
    sigmas: sigmas.slice(2),
    stepsBefore: 2,
    onStep: ({ step }) => void rest.push(step),
  });
  expect(rest).toEqual([3, 4]);
  expect(resumed.x.data).toEqual(whole.x.data);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('%s from the model ends the run, with the step and the usual cure', async (broken) => {
  let calls = 0;
  const denoise: Denoise = async (latent, sigma) => {
    calls += 1;
    const answer = await world.denoise(latent, sigma);
    if (calls === 2) answer.denoised.data[1] = broken;
    return answer;
  };
  const failure = await run({ denoise }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(NonFiniteTensor);
  expect(failure).toMatchObject({ code: 'non-finite-tensor', message: expect.stringContaining('step 2 of 4') });
  expect((failure as NonFiniteTensor).hint).toContain('float32');
});

test('an error of the sampler or the model passes through unchanged', async () => {
  const fault = new Error('the device is gone');
  await expect(run({ denoise: () => Promise.reject(fault) })).rejects.toBe(fault);
});

test('an option out of range is refused before anything runs', async () => {
  await expect(run({ options: { s_churn: -1 } })).rejects.toThrow('s_churn');
});

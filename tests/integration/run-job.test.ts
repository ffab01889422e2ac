import type { RgbImage } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { createBus } from '../../backend/src/hooks/index.js';
import { runJob } from '../../backend/src/testing/run-job.js';

const small = { prompt: 'a cat', width: 64, height: 64, steps: 2, seed: 5 };

test('a job goes through its stages and makes as many pictures as were asked for', async () => {
  const { images, stages, steps } = await runJob({ ...small, batchCount: 2, batchSize: 2 }, { model: 'tiny' });
  expect(images.map(({ index, seed }) => [index, seed])).toEqual([
    [0, 5],
    [1, 6],
    [2, 7],
    [3, 8],
  ]);
  expect(steps).toBe(4);
  expect(stages.slice(0, 5)).toEqual(['loading', 'encoding', 'sampling', 'decoding', 'saving']);
});

test('the same seed gives the same picture, in a batch of any size; another seed another one', async () => {
  const pixels = async (more: object): Promise<Uint8Array[]> =>
    (await runJob({ ...small, ...more }, { model: 'tiny' })).images.map(({ image }) => image.data);
  const [alone] = await pixels({ seed: 6 });
  const [other, inBatch] = await pixels({ seed: 5, batchSize: 2 });
  const largest = alone.reduce((most, value, at) => Math.max(most, Math.abs(value - inBatch[at])), 0);
  expect(largest).toBeLessThanOrEqual(1); // sums in another order
  expect(other).not.toEqual(alone);
});

test('at guidance 1 the negative prompt has no effect', async () => {
  const image = async (negativePrompt: string): Promise<RgbImage> =>
    (await runJob({ ...small, cfgScale: 1, negativePrompt }, { model: 'tiny' })).images[0].image;
  expect(await image('rain')).toEqual(await image(''));
});

test('prompts of different length, longer than a chunk, and emphasis all run', async () => {
  const long = Array.from({ length: 120 }, (_, i) => `word${i}`).join(' ');
  const { images } = await runJob({ ...small, prompt: `(cat:1.4) ${long}`, negativePrompt: 'rain' }, { model: 'tiny' });
  expect(images).toHaveLength(1);
});

test('every sampler of the core makes a picture, with its options and every schedule', async () => {
  for (const sampler of ['Euler', 'Euler a', 'Heun', 'DPM++ 2M', 'DPM++ 2M SDE', 'DDIM']) {
    const { images } = await runJob({ ...small, sampler, scheduler: 'karras', rng: 'CPU' }, { model: 'tiny' });
    expect(images[0].parameters).toContain(`Sampler: ${sampler}`);
    expect(images[0].parameters).toContain('RNG: CPU');
  }
});

test('the parameters tell what the picture needs to be made again', async () => {
  const { images } = await runJob(
    { ...small, negativePrompt: 'rain', sampler: 'euler-ancestral', samplerOptions: { eta: 0.5 }, clipSkip: 2 },
    { model: 'tiny' },
  );
  expect(images[0].parameters).toMatch(
    /^a cat\nNegative prompt: rain\nSteps: 2, Sampler: Euler a, CFG scale: 4, Seed: 5, Size: 64x64, Model hash: [0-9a-f]{10}, Model: model, Clip skip: 2, RNG: NV, Eta: 0\.5, Version: atelier-0\.1\.0$/,
  );
});

test('extensions act at every place of the pipeline, in its order', async () => {
  const bus = createBus();
  const seen: string[] = [];
  const hooks = bus.scoped('test', []);
  const note = <T>(place: string, value: T): T => {
    seen.push(place);
    return value;
  };
  hooks.transformRequest.tap((request) => note('request', { ...request, steps: 1 }));
  hooks.transformPrompt.tap((prompt) => note('prompt', { ...prompt, positive: 'a dog' }));
  hooks.transformModelPlan.tap((plan) => note('plan', plan));
  hooks.onModelLoaded.tap(({ family }) => note('model', expect(family).toBe('sd15')));
  hooks.transformConditioning.tap((conditioning) => note('conditioning', conditioning));
  hooks.transformNoise.tap((noise) => note('noise', noise));
  hooks.wrapModelCall.tap(
    (inner) =>
      async (...call) =>
        note('call', await inner(...call)),
  );
  hooks.wrapGuidance.tap(
    (inner) =>
      (...both) =>
        note('guidance', inner(...both)),
  );
  hooks.wrapDenoise.tap(
    (inner) =>
      async (...at) =>
        note('denoise', await inner(...at)),
  );
  hooks.onStep.tap(({ step, steps }) => note('step', expect([step, steps]).toEqual([1, 1])));
  hooks.transformLatent.tap((latent) => note('latent', latent));
  hooks.transformImages.tap((images) => note('images', images));
  hooks.transformParameters.tap((parameters) => note('parameters', { ...parameters, entries: [...parameters.entries, ['Mood', 'good']] }));
  const { images } = await runJob(small, { model: 'tiny', extension: { bus, samplers: [], schedulers: [] } });
  expect(seen).toEqual([
    ...['request', 'prompt', 'plan', 'model', 'conditioning', 'noise'],
    ...['call', 'guidance', 'denoise', 'step', 'latent', 'images', 'parameters'],
  ]);
  expect(images[0].parameters).toMatch(/^a dog\nSteps: 1, .*Mood: good$/);
});

test('a checkpoint can be known by another name', async () => {
  const bus = createBus();
  bus.scoped('test', []).transformModelPlan.tap((plan) => ({ ...plan, checkpoint: 'the-good-one' }));
  const extension = { bus, samplers: [], schedulers: [] };
  await expect(runJob(small, { model: 'tiny', extension })).rejects.toMatchObject({ code: 'checkpoint-not-found' });
  bus.scoped('test', []).resolveCheckpoint.tap(({ name, known }) => (name === 'the-good-one' ? known[0] : undefined));
  expect((await runJob(small, { model: 'tiny', extension })).images).toHaveLength(1);
});

test('a tag that nothing understands is refused by name, not drawn', async () => {
  await expect(runJob({ ...small, prompt: 'a cat <lora:ink:0.8>' }, { model: 'tiny' })).rejects.toMatchObject({
    code: 'tag-not-understood',
    message: 'Nothing here understands <lora:ink:0.8>.',
  });
});

test('an unknown sampler and an option out of range are refused by name', async () => {
  await expect(runJob({ ...small, sampler: 'Eular' }, { model: 'tiny' })).rejects.toMatchObject({ code: 'sampler-not-found' });
  await expect(runJob({ ...small, sampler: 'Euler a', samplerOptions: { eta: 7 } }, { model: 'tiny' })).rejects.toMatchObject({
    code: 'sampler-option-invalid',
    message: expect.stringContaining('eta'),
    hint: 'Its options: eta, s_noise.',
  });
  await expect(runJob({ ...small, sampler: 'DPM++ 2M', samplerOptions: { eta: 1 } }, { model: 'tiny' })).rejects.toMatchObject({
    code: 'sampler-option-invalid',
    hint: 'It has no options.',
  });
});

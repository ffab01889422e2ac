import { z } from '@atelier/sdk';
import { Txt2ImgRequest, type Catalogue } from '@atelier/sdk/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { samplers } from '../../../../../backend/src/diffusion/samplers/index.js';
import { schedulers } from '../../../../../backend/src/diffusion/schedulers/index.js';
import { parametersText } from '../../../../../backend/src/images/generation-parameters.js';
import { parseInfotext } from '../../../../../backend/src/images/infotext/parse-infotext.js';
import { requestOf } from '../../../../../backend/src/images/infotext/to-request.js';
import type { LoadedModel } from '../../../../../backend/src/library/loaded-model.js';
import { tilingOf } from '../../../../../backend/src/library/tiles.js';
import { describe as describePicture } from '../../../../../backend/src/pipeline/describe.js';

const sha256 = '0123456789abcdef'.repeat(4);
const inFolder = (folder: string, names: readonly string[], more: object = {}) =>
  names.map((name) => ({ name, file: `/models/${folder}/${name}.safetensors`, problem: null, ...more }));

/** As the catalogue has them. */
function withOptions<Noun extends { options: z.ZodObject }>({ options, ...noun }: Noun) {
  return { ...noun, options: z.toJSONSchema(options, { io: 'input' }) };
}

const checkpointNames = ['dream, v1: "last"', 'sub/other'];
const catalogue = {
  samplers: samplers.map(withOptions),
  schedulers: schedulers.map(withOptions),
  checkpoints: inFolder('checkpoints', checkpointNames, { sha256, parts: ['vae'] }),
  vaes: inFolder('vae', ['ft-mse', 'flux/ae'], { isTiny: false }),
  textEncoders: inFolder('text_encoders', ['clip_l', 'sub/t5xxl'], { kinds: ['clip-l'] }),
} as unknown as Catalogue;
const [chosen] = catalogue.samplers;

const read = (text: string) => requestOf(parseInfotext(text), catalogue);

/** Lines that prompts may have: what is lost at their ends, and what begins a negative prompt, is left out. */
const line = fc
  .oneof(fc.string(), fc.constantFrom('a: b', '"quoted"', 'Steps: 20, Sampler: x, Seed: 3', '(cat:1.2)', 'Size: 1x1'))
  .map((text) => text.trim());
const prompt = fc
  .array(line, { maxLength: 4 })
  .map((lines) => lines.join('\n').trim())
  .filter((text) => !/^Negative prompt:/m.test(text) && !/[\x1c-\x1f\x85]/.test(text));

const seed = fc.integer({ min: 0, max: 2 ** 40 });
const share = fc.constantFrom(0, 0.05, 0.5, 1);
const side = fc.integer({ min: 2, max: 256 }).map((n) => n * 8);

/** Any request whose choices a picture's text can hold: the number of pictures is not among them. */
const anyRequest = fc.tuple(fc.constantFrom(...samplers), fc.constantFrom(...schedulers)).chain(([sampler, scheduler]) =>
  fc.record({
    prompt,
    negativePrompt: prompt,
    checkpoint: fc.constantFrom(...checkpointNames),
    vae: fc.constantFrom('own', 'ft-mse', 'flux/ae'),
    textEncoders: fc.subarray(['clip_l', 'sub/t5xxl']),
    precision: fc.constantFrom('auto' as const, 'int8' as const),
    tiledVae: fc.constantFrom('auto' as const, 'always' as const),
    sampler: fc.constant(sampler.id),
    samplerOptions: optionsOf(sampler.options),
    scheduler: fc.constant(scheduler.id),
    schedulerOptions: optionsOf(scheduler.options),
    scheduleMinSigma: fc.constantFrom(0, 0.1),
    scheduleMaxSigma: fc.constantFrom(0, 20),
    discardNextToLast: fc.boolean(),
    levels: fc.constantFrom([], [14.6, 3, 0.5, 0]),
    startStep: fc.constantFrom(0, 2),
    endStep: fc.constantFrom(0, 9),
    steps: fc.integer({ min: 1, max: 150 }),
    cfgScale: fc.double({ min: 1, max: 30, noNaN: true }),
    distilledCfgScale: fc.double({ min: 0, max: 100, noNaN: true }),
    width: side,
    height: side,
    seed,
    clipSkip: fc.integer({ min: 1, max: 12 }),
    variation: fc.record({ variationSeed: seed, variationStrength: share.filter((value) => value > 0) }, { requiredKeys: [] }),
    resize: fc.constantFrom({}, { seedResizeFromWidth: 512, seedResizeFromHeight: 768 }),
    noiseSeedDelta: fc.constantFrom(0, 31337, -5),
    guidance: fc.constantFrom({}, { guidanceMinSigma: 0.5 }, { guidanceMinSigma: 3, guidanceMinSigmaForAll: true }),
    skipEarlyGuidance: share,
    cfgRescale: share,
    rng: fc.constantFrom('NV' as const, 'CPU' as const),
  }),
);

/** Options of a sampler at some value that its schema allows and that is not the default, which is not written. */
function optionsOf(schema: z.ZodObject): fc.Arbitrary<Record<string, unknown>> {
  const defaults = schema.parse({});
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' });
  const arbitraries = Object.entries(
    properties as Record<string, { type?: string; enum?: string[]; minimum?: number; maximum?: number }>,
  ).map(([name, { type, enum: choices, minimum = 0, maximum = 10 }]) => {
    const values: fc.Arbitrary<unknown> =
      type === 'boolean'
        ? fc.boolean()
        : type === 'string'
          ? fc.constantFrom(...(choices ?? ['0.1: 4, 1, 2']))
          : type === 'integer'
            ? fc.integer({ min: minimum, max: Math.min(maximum, 1000) })
            : fc.double({ min: minimum, max: Math.min(maximum, 1000), noNaN: true });
    return [name, values.filter((value) => value !== defaults[name] && schema.shape[name].safeParse(value).success)] as const;
  });
  return fc.record(Object.fromEntries(arbitraries), { requiredKeys: [] });
}

describe('an infotext', () => {
  test('of any request leads back to the same request', async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, async ({ variation, resize, guidance, ...fields }) => {
        const withVariation = 'variationStrength' in variation && 'variationSeed' in variation ? variation : {};
        const asked = Txt2ImgRequest.parse({ ...fields, ...withVariation, ...resize, ...guidance });
        const tiling = tilingOf(asked.tiledVae, asked.height / 8, asked.width / 8);
        const model = {
          checkpoint: asked.checkpoint,
          sha256: () => Promise.resolve(sha256),
          vae: asked.vae === 'own' ? null : asked.vae,
          textEncoders: asked.textEncoders,
          precision: asked.precision,
          traits: { takesGuidance: true, latent: { downscale: 8 } },
        } as unknown as LoadedModel;
        const place = { seed: asked.seed, index: 0, tiling, model, embeddings: [] };
        const nouns = {
          sampler: samplers.find(({ id }) => id === asked.sampler) ?? samplers[0],
          scheduler: schedulers.find(({ id }) => id === asked.scheduler) ?? schedulers[0],
        };
        const words = { positive: asked.prompt, negative: asked.negativePrompt };
        const parameters = await describePicture(asked, { ...place, ...nouns, prompt: words });
        const { request, notApplied } = read(parametersText(parameters));
        expect(notApplied).toEqual([]);
        expect(Txt2ImgRequest.parse(request)).toEqual({ ...asked, tiledVae: tiling ? 'always' : 'auto' });
      }),
      { numRuns: 100 },
    );
  });

  test('of which nothing but prompts is known sets nothing but prompts', () => {
    expect(read('a cat\nNegative prompt: a dog')).toEqual({ request: { prompt: 'a cat', negativePrompt: 'a dog' }, notApplied: [] });
  });

  test('of old names has the schedule type at the end of the sampler', () => {
    const { request } = read('a\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1');
    expect(request).toMatchObject({ sampler: 'dpmpp-2m', scheduler: 'karras', clipSkip: 1, rng: 'NV' });
  });

  test('of what is not here says so by name, and sets the rest', () => {
    const { request, notApplied } = read(
      'a\nSteps: 20, Sampler: Best ever, Schedule type: Odd, Model: none, Width of nose: 3, CFG scale: 99',
    );
    expect(request).toMatchObject({ steps: 20 });
    expect(request).not.toHaveProperty('sampler');
    expect(request).not.toHaveProperty('checkpoint');
    expect(notApplied.map(({ name, value }) => [name, value])).toEqual([
      ['Model', 'none'],
      ['Schedule type', 'Odd'],
      ['Sampler', 'Best ever'],
      ['Width of nose', '3'],
      ['CFG scale', '99'],
    ]);
    expect(notApplied.every(({ why }) => why.endsWith('.'))).toBe(true);
  });

  test('that names a file which is another one here says that, and takes it', () => {
    const { request, notApplied } = read('a\nSteps: 20, Sampler: Euler, Model hash: ffff, Model: other');
    expect(request.checkpoint).toBe('sub/other');
    expect(notApplied).toMatchObject([{ name: 'Model hash', value: 'ffff' }]);
  });

  test(`with options of another sampler than ${chosen.label} has them left over`, () => {
    const { notApplied } = read(`a\nSteps: 20, Sampler: ${chosen.label}, CFG scale: 7, DPM adaptive order: 2`);
    expect(notApplied).toMatchObject([{ name: 'DPM adaptive order', value: '2' }]);
  });

  test('is read whatever the text is', () => {
    const signs = fc.string({
      unit: fc.constantFrom('a', ': ', '"', '\\', ',', '\n', '5', 'x', 'Size', 'Negative prompt:', 'Civitai FLUX'),
    });
    fc.assert(fc.property(fc.oneof(fc.string(), signs), (text) => void read(text)));
  });
});

import { existsSync, readdirSync } from 'node:fs';
import {
  AppError,
  concat,
  scale,
  tensor,
  type Condition,
  type Conditioning,
  type Denoise,
  type GraphOptions,
  type ModelTraits,
  type StoredTensor,
  type Tensor,
  type TextEncoderKind,
} from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { describe, expect, test } from 'vitest';
import { CheckpointIsPickle } from '../../backend/src/checkpoints/errors.js';
import { readModelFile, type ModelFile } from '../../backend/src/checkpoints/model-file.js';
import { otherFileOf } from '../../backend/src/checkpoints/other-files.js';
import { readTensor } from '../../backend/src/checkpoints/read-tensor.js';
import { readCheckpoint } from '../../backend/src/checkpoints/safetensors-header.js';
import { guided } from '../../backend/src/diffusion/guidance.js';
import { keeping } from '../../backend/src/diffusion/inpainting.js';
import { samplingOf } from '../../backend/src/diffusion/model-sampling.js';
import { noised } from '../../backend/src/diffusion/noise-levels.js';
import { euler } from '../../backend/src/diffusion/samplers/euler.js';
import { normal } from '../../backend/src/diffusion/schedulers/normal.js';
import { families, recognise } from '../../backend/src/model-families/families.js';
import { vectorOf } from '../../backend/src/model-families/sdxl/sizes.js';
import { clipConfig, clipGraph } from '../../backend/src/model-families/text-encoders/clip.js';
import { unetConfig, type AttentionHeads } from '../../backend/src/model-families/unet/config.js';
import { unetGraph } from '../../backend/src/model-families/unet/unet.js';
import { autoencoderConfig, decoderGraph, encoderGraph } from '../../backend/src/model-families/vae/autoencoder.js';
import { loadClipTokenizer, promptChunks } from '../../backend/src/prompt/index.js';
import {
  baseAbsent,
  expectClose,
  goldenPath,
  hasGolden,
  maxDifference,
  NotBuiltCount,
  readJson,
  readTensors,
  realTensor,
  shareOfLargest,
  type GoldenTensor,
} from '../support/goldens.js';
import { headerFile } from '../support/header-file.js';
import { arithmetics, floats, numbers, openGraph, tokenRows } from '../support/open-graph.js';

/** Shares of the largest absolute value, from the goldens' README. */
const tolerance = { text: 2e-5, unet: 3e-5, half: 2e-2, vae: 5e-5, trajectory: 2e-4 };

/** Our families that have a UNet, as ComfyUI names them; other families have tests of their own. */
const comfyNames: Readonly<Record<string, string>> = { sd15: 'SD15', sd2: 'SD20', sdxl: 'SDXL', 'sdxl-refiner': 'SDXLRefiner' };
const elsewhere = ['Flux', 'FluxSchnell', 'SD3'];

/** Encoders as the goldens call them, and their token lists. */
const encoderNames: readonly (readonly [kind: TextEncoderKind, golden: string, ids: string])[] = [
  ['clip-l', 'clip_l', 'l'],
  ['clip-g', 'clip_g', 'g'],
  ['clip-h', 'clip_h', 'h'],
];

interface TextRecord {
  prompt: string;
  ids: Record<string, number[][]>;
  outputs: Record<string, { cond: string; pooled?: string }>;
  encoders: Record<string, Record<string, string>>;
}
interface VaeRecord {
  image01_nhwc: string;
  mean: string;
  logvar_unclamped: string;
  z: string;
  decoded: string;
  decoded_u8_nhwc: string;
}
interface Trajectory {
  cfg: number;
  sampler: string;
  sigmas: string;
  x_before_step: string[];
  denoised: string[];
  latent_vae_units: string;
  positive: string;
  negative_cond: string;
  positive_pooled?: string;
  negative_pooled?: string;
  size_embedding?: { width: number; height: number; crop_w: number; crop_h: number; target_width: number; target_height: number };
}
interface InpaintingRun extends Pick<Trajectory, 'cfg' | 'sampler' | 'x_before_step' | 'denoised' | 'latent_vae_units'> {
  scheduler: string;
  steps: number;
  prompt: string;
  negative: string;
  /** Of pixels, [batch, height, width]. */
  mask: string;
  orig_mean: string;
  /** Mask, then masked latent. */
  c_concat: string;
  noise: string;
}
interface Reference {
  family: string;
  prediction: string;
  latent: { scale_factor: number; shift_factor: number };
  text?: TextRecord[];
  unet?: { x: string; t: number[]; context: string; y?: string; out: string }[];
  vector_conditioning?: ({ pooled: string; y: string; aesthetic_score?: number } & Record<string, number>)[];
  vae?: VaeRecord[];
  txt2img?: Trajectory;
  inpaint?: InpaintingRun;
  tensors_file: string;
}
interface TinyConfig {
  unet?: { num_heads?: number; num_head_channels?: number };
  [encoder: `clip_${string}`]: { num_attention_heads: number } | undefined;
}

const notBuilt = new NotBuiltCount();
const listed = (folder: string, ending: string) =>
  existsSync(goldenPath(folder)) ? readdirSync(goldenPath(folder)).filter((name) => name.endsWith(ending)) : [];
const configs = hasGolden('models/checkpoints/configs.json') ? readJson<Record<string, TinyConfig>>('models/checkpoints/configs.json') : {};

for (const file of listed('models/refs', '.json')) {
  const name = file.slice(0, -'.json'.length);
  const reference = readJson<Reference>(`models/refs/${file}`);
  if (elsewhere.includes(reference.family)) continue;
  const { text = [], unet = [], vae = [], vector_conditioning = [], txt2img } = reference;
  const records = text.length + unet.length + vae.length + vector_conditioning.length + (txt2img ? 1 : 0);
  const base = `models/checkpoints/${name}.safetensors`;
  if (!hasGolden(base)) baseAbsent(base, records);
  else if (!Object.values(comfyNames).includes(reference.family)) notBuilt.add(`family ${reference.family}`, records);
  else await checkUnetModel(name, await readModelFile(goldenPath(base)), reference);
}

async function checkUnetModel(name: string, file: ModelFile, reference: Reference): Promise<void> {
  const { text = [], unet = [], vae = [], vector_conditioning = [], txt2img, inpaint, latent } = reference;
  const tensors = readTensors(`models/refs/${reference.tensors_file}`);
  const golden = (tensor: string) => realTensor(tensors, tensor);
  const config = configs[name] ?? {};
  const { family, model } = recognise(file, families);
  const { textEncoders, vae: autoencoder, markers } = file.components;
  const traits = await family.traits({ model, markers, metadata: file.metadata, stem: name, read: readTensor });
  const opened = (arithmetic: GraphOptions['arithmetic']) =>
    once(() => openGraph(unetGraph(model, unetConfig(model, headsOfTiny(config)), { mostPieces: 1, arithmetic })));
  const denoisers = { float32: opened('float32'), float16: opened('float16') };
  const near = (actual: DeviceTensor, wanted: string, share: number) =>
    expectClose(numbers(actual), golden(wanted).data, shareOfLargest(golden(wanted).data, share), wanted);

  describe(name, () => {
    test('is recognised, with what it was trained to answer and its latent', () => {
      expect(comfyNames[family.id]).toBe(reference.family);
      expect(samplingOf(traits.noise).prediction).toBe(reference.prediction === 'V_PREDICTION' ? 'v' : reference.prediction.toLowerCase());
      expect(traits.latent).toMatchObject({ scale: latent.scale_factor, shift: latent.shift_factor });
    });

    for (const record of text) {
      const title = `"${record.prompt.slice(0, 40)}"`;
      for (const [kind, name, ids] of encoderNames) {
        const states = record.encoders[name];
        const encoder = textEncoders.get(kind);
        if (!states || !encoder) continue;
        const opened = (reading: Parameters<typeof clipGraph>[2]) =>
          openGraph(clipGraph(encoder, clipConfig(encoder, kind, config[name as 'clip_l']?.num_attention_heads), reading));
        for (const [state, wanted] of Object.entries(states)) {
          const [, layer, norm] = /^hidden-(\d+)(_norm)?$/.exec(state) ?? [];
          test(`${kind} reads ${title}: ${state}`, async () => {
            const pooled = state === 'pooled_projected' ? 'projected' : state === 'pooled_before_projection' ? 'plain' : 'none';
            const run = await opened({ layer: Number(layer ?? 1), finalNorm: norm !== undefined, pooled });
            const answer = await run({ tokens: tokenRows(record.ids[ids]) });
            near(firstRows(layer ? answer.hidden : answer.pooled, golden(wanted).shape), wanted, tolerance.text);
          });
        }
      }
      for (const [output, { cond }] of Object.entries(record.outputs)) {
        if (output === 'skip1' && family.id !== 'sd15') continue; // only ComfyUI can be told to read the last layer of later models
        const clipSkip = output === 'default' ? 1 : Number(output.slice('skip'.length));
        test(`the model is told ${title} at clip skip ${clipSkip}`, async () => {
          const context = await contextOf(record, clipSkip);
          expectClose(context.data, golden(cond).data, shareOfLargest(golden(cond).data, tolerance.text), cond);
        });
      }
    }

    for (const record of vector_conditioning) {
      test(`is told sizes as ${record.y}`, () => {
        const { height, width, crop_h, crop_w, aesthetic_score, target_height, target_width } = record;
        const sizes = aesthetic_score === undefined ? [target_height, target_width] : [aesthetic_score];
        const vector = vectorOf(golden(record.pooled), [height, width, crop_h, crop_w, ...sizes]);
        expectClose(vector.data, golden(record.y).data, shareOfLargest(golden(record.y).data, tolerance.text), record.y);
      });
    }

    for (const call of unet) {
      test.each(arithmetics)(`predicts ${call.out} at t = ${call.t.join(', ')} in %s`, async (arithmetic) => {
        const condition = { context: golden(call.context), ...(call.y && { vector: golden(call.y) }) };
        const share = arithmetic === 'float32' ? tolerance.unet : tolerance.half;
        near(await predict(golden(call.x), call.t, condition, arithmetic), call.out, share);
      });
    }

    for (const record of autoencoder ? vae : []) {
      test(`encodes and decodes ${record.z}`, async () => {
        const [encoder, decoder] = await autoencoders();
        const { mean, logvar } = await encoder({ image: signed(channelsFirst(golden(record.image01_nhwc))) });
        near(mean, record.mean, tolerance.vae);
        near(logvar, record.logvar_unclamped, tolerance.vae);

        const { image } = await decoder({ latent: floats(golden(record.z).shape, golden(record.z).data) });
        near(image, record.decoded, tolerance.vae);
        expectPixels(image, tensors.get(record.decoded_u8_nhwc));
      });
    }

    if (txt2img?.sampler === 'euler') {
      test('walks four Euler steps to the same latent', async () => {
        const condition = (context: string, pooled?: string): Condition => {
          if (!txt2img.size_embedding || pooled === undefined) return { context: golden(context) };
          const { width, height, crop_w, crop_h, target_width, target_height } = txt2img.size_embedding;
          return {
            context: golden(context),
            vector: vectorOf(golden(pooled), [height, width, crop_h, crop_w, target_height, target_width]),
          };
        };
        const denoise = guidedModel(txt2img.cfg, {
          cond: condition(txt2img.positive, txt2img.positive_pooled),
          uncond: condition(txt2img.negative_cond, txt2img.negative_pooled),
        });
        await walks(txt2img, denoise, Array.from(golden(txt2img.sigmas).data));
      });
    }

    if (inpaint?.sampler === 'euler' && inpaint.scheduler === 'normal') {
      test('makes the masked part of a picture anew', async () => {
        const tokenizer = await loadClipTokenizer();
        const told = async (prompt: string) => {
          const ids = promptChunks(prompt, tokenizer).chunks.map((chunk) => [...chunk.ids]);
          return { context: await contextOf({ prompt, ids: { l: ids } }, 1) };
        };
        const beside = golden(inpaint.c_concat);
        const conditioning = { cond: await told(inpaint.prompt), uncond: await told(inpaint.negative) };
        const sampling = samplingOf(traits.noise);
        const latentPicture = scale(golden(inpaint.orig_mean), latent.scale_factor);
        const noise = golden(inpaint.noise);
        const denoise = keeping(guidedModel(inpaint.cfg, conditioning, beside), {
          mask: inLatentSize(golden(inpaint.mask), traits.latent.downscale),
          latent: latentPicture,
          noisedAt: (sigma) => noised(latentPicture, scale(noise, sigma), sigma, sampling),
        });
        await walks(inpaint, denoise, normal.levels(sampling, inpaint.steps));
      });
    }
  });

  /** The guided model, told whole timesteps as ComfyUI tells them. */
  function guidedModel(cfg: number, conditioning: Conditioning, beside?: Tensor): Denoise {
    return guided({
      model: samplingOf(traits.noise),
      call: async (x, timestep, told) => {
        const rows = beside && concat(Array.from({ length: x.shape[0] }, () => beside));
        return tensor(x.shape, numbers(await predict(rows ? concat([x, rows], 1) : x, [timestep], told)));
      },
      conditioning,
      scale: cfg,
    });
  }

  /** Euler's steps, each compared, and where they end. */
  async function walks(record: Pick<Trajectory, 'x_before_step' | 'denoised' | 'latent_vae_units'>, denoise: Denoise, sigmas: number[]) {
    const model = samplingOf(traits.noise);
    const x = golden(record.x_before_step[0]);
    const noise = () => expect.fail('Euler draws no noise.');
    let step = 0;
    let last: Tensor = x;
    for await (const state of euler.steps({ model, denoise, noise, x, sigmas, options: euler.options.parse({}) })) {
      const wanted = golden(record.denoised[step++]).data;
      expectClose(state.denoised.data, wanted, shareOfLargest(wanted, tolerance.trajectory), `denoised in step ${step}`);
      last = state.x;
    }
    expect(step).toBe(record.denoised.length);
    const latents = Array.from(last.data, (value) => value / latent.scale_factor + latent.shift_factor);
    const final = golden(record.latent_vae_units).data;
    expectClose(latents, final, shareOfLargest(final, tolerance.trajectory), 'last latent');
  }

  async function predict(
    x: Tensor,
    timesteps: number[],
    { context, vector }: Condition,
    arithmetic: GraphOptions['arithmetic'] = 'float32',
  ): Promise<DeviceTensor> {
    const [batch, channels, ...sides] = x.shape;
    const latentChannels = traits.latent.channels;
    const rows = floats([batch], timesteps.length === batch ? timesteps : new Array<number>(batch).fill(timesteps[0]));
    const run = await denoisers[arithmetic]();
    const inputs = {
      timesteps: rows,
      context: floats(context.shape, context.data),
      ...(vector && { vector: floats(vector.shape, vector.data) }),
    };
    if (channels === latentChannels) return (await run({ ...inputs, x: floats(x.shape, x.data) })).prediction;
    const size = x.data.length / batch;
    const latentSize = (size / channels) * latentChannels;
    const part = (from: number, to: number) =>
      Array.from({ length: batch }, (_, row) => [...x.data.subarray(row * size + from, row * size + to)]).flat();
    return (
      await run({
        ...inputs,
        x: floats([batch, latentChannels, ...sides], part(0, latentSize)),
        beside: floats([batch, channels - latentChannels, ...sides], part(latentSize, size)),
      })
    ).prediction;
  }

  /** What the family tells the model of a text: every chunk by every encoder. */
  async function contextOf(record: Pick<TextRecord, 'prompt' | 'ids'>, clipSkip: number): Promise<Tensor> {
    const encoded = new Map();
    for (const use of traits.textEncoders) {
      const [, name, ids] = encoderNames.find(([kind]) => kind === use.kind)!;
      const encoder = textEncoders.get(use.kind)!;
      const heads = config[name as 'clip_l']?.num_attention_heads;
      const reading = { layer: use.layer(clipSkip), finalNorm: use.finalNorm, pooled: use.pooled };
      const run = await openGraph(clipGraph(encoder, clipConfig(encoder, use.kind, heads), reading));
      const { hidden, pooled } = await run({ tokens: tokenRows(record.ids[ids]) });
      const [rows, tokens, width] = hidden.shape;
      const oneText = tensor([1, rows * tokens, width], numbers(hidden));
      encoded.set(
        use.kind,
        pooled ? { hidden: oneText, pooled: tensor([1, pooled.shape[1]], numbers(pooled).slice(0, pooled.shape[1])) } : { hidden: oneText },
      );
    }
    return family.condition(encoded, { width: 1024, height: 1024, isNegative: false, isEmpty: [record.prompt === ''] }).context;
  }

  function autoencoders() {
    const config = autoencoderConfig(autoencoder!);
    return Promise.all([openGraph(encoderGraph(autoencoder!, config)), openGraph(decoderGraph(autoencoder!, config))]);
  }
}

/** These tiny models have other heads than any real one; only here may they be named. */
function headsOfTiny({ unet }: TinyConfig): AttentionHeads | undefined {
  if (unet?.num_heads !== undefined) return { heads: unet.num_heads };
  return unet?.num_head_channels === undefined ? undefined : { headWidth: unet.num_head_channels };
}

/** The first rows of a tensor, as many as the wanted shape has: the goldens keep some of the chunks only. */
function firstRows(value: DeviceTensor, shape: readonly number[]): DeviceTensor {
  const size = shape.reduce((product, side) => product * side, 1);
  return floats(shape, numbers(value).slice(0, size));
}

describe('detection', () => {
  interface Detected {
    kind?: string;
    family?: string;
    prediction?: string;
    scale_factor?: number;
    unet_config?: Record<string, unknown>;
  }
  const { models, malformed_safetensors, pickles } = hasGolden('models/detection/detection.json')
    ? readJson<{
        models: { name: string; header: string; comfyui: Detected }[];
        malformed_safetensors: ({ file: string; tensors?: Record<string, { dtype: string; shape: number[] }> } & Record<string, unknown>)[];
        pickles: { file: string }[];
      }>('models/detection/detection.json')
    : { models: [], malformed_safetensors: [], pickles: [] };

  for (const { name, header, comfyui } of models) {
    if (elsewhere.includes(comfyui.family ?? '')) continue;
    const { file, values } = headerFile(header);
    if (comfyui.kind) {
      test(`${name} is told for what it is`, () => {
        expect(otherFileOf(file.tensors)?.what).toBe(`a ${comfyui.kind}`);
        expect(() => recognise(file, families)).toThrow(comfyui.kind);
      });
      continue;
    }
    if (!Object.values(comfyNames).includes(comfyui.family ?? '')) {
      notBuilt.add(`family ${comfyui.family}`);
      continue;
    }
    test(`${name} is recognised, with the sizes that ComfyUI reads from it`, async () => {
      const { family, model } = recognise(file, families);
      const { markers } = file.components;
      const read = async ({ name }: StoredTensor) => tensor([values[name].length], Float32Array.from(values[name]));
      const traits: ModelTraits = await family.traits({ model, markers, metadata: file.metadata, stem: name, read });
      expect(comfyNames[family.id]).toBe(comfyui.family);
      expect(samplingOf(traits.noise).prediction).toBe(comfyui.prediction === 'V_PREDICTION' ? 'v' : comfyui.prediction?.toLowerCase());
      expect(traits.latent.scale).toBe(comfyui.scale_factor);
      const config = unetConfig(model);
      const wanted = comfyui.unet_config ?? {};
      expect({
        in_channels: config.inChannels,
        out_channels: config.outChannels,
        model_channels: config.modelChannels,
        num_res_blocks: config.resBlocks,
        channel_mult: config.channelMult,
        transformer_depth: config.depths,
        transformer_depth_output: config.outputDepths.toReversed(), // ComfyUI counts them from the full size
        transformer_depth_middle: config.middleDepth,
        context_dim: config.contextWidth,
        adm_in_channels: config.vectorWidth ?? null,
        num_heads: 'heads' in config.attention ? config.attention.heads : -1,
        num_head_channels: 'headWidth' in config.attention ? config.attention.headWidth : -1,
      }).toMatchObject(Object.fromEntries(sizes.map((key) => [key, wanted[key]])));
    });
  }

  for (const record of malformed_safetensors) {
    const verdict = Object.entries(record).find(([key]) => key.startsWith('safetensors'))?.[1];
    test(`${record.file}: ${verdict === 'loads' ? 'loads' : 'is refused'} as in the reference library`, async () => {
      const reading = readCheckpoint(goldenPath(`models/detection/${record.file}`));
      if (verdict === 'loads') {
        const { tensors } = await reading;
        expect(Object.fromEntries([...tensors].map(([name, { type, shape }]) => [name, { dtype: type, shape }]))).toEqual(record.tensors);
      } else {
        const error: unknown = await reading.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(AppError);
        expect((error as AppError).message).toContain(record.file.slice(record.file.lastIndexOf('/') + 1));
      }
    });
  }

  for (const { file } of pickles) {
    test(`${file} is refused as a checkpoint, and not run`, async () => {
      await expect(readCheckpoint(goldenPath(`models/detection/${file}`))).rejects.toBeInstanceOf(CheckpointIsPickle);
    });
  }
});

for (const [folder, kind] of [
  ['adapters/refs', 'adapters'],
  ['control/refs', 'control'],
  ['gguf/refs', 'GGUF'],
  ['misc/refs', 'upscalers, hypernetworks'],
]) {
  const records = listed(`models/${folder}`, '.json').filter((name) => !/^(tae|embeddings)/.test(name)); // those have tests of their own
  notBuilt.add(kind, records.length);
}
notBuilt.report();

/** What ComfyUI reads from a UNet's names and shapes. */
const sizes = ['in_channels', 'out_channels', 'model_channels', 'num_res_blocks', 'channel_mult', 'transformer_depth'].concat([
  'transformer_depth_output',
  'transformer_depth_middle',
  'context_dim',
  'adm_in_channels',
  'num_heads',
  'num_head_channels',
]);

/** A mask of pixels in the size of the latent, by linear interpolation as ComfyUI does: of each cell, its four middle pixels. */
function inLatentSize({ shape: [batch, height, width], data }: GoldenTensor, cell: number): Tensor {
  const [rows, columns] = [height / cell, width / cell];
  const values = Float32Array.from({ length: batch * rows * columns }, (_, i) => {
    const [picture, row, column] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
    const first = (picture * height + row * cell + cell / 2 - 1) * width + column * cell + cell / 2 - 1;
    return [first, first + 1, first + width, first + width + 1].reduce((sum, pixel) => sum + Number(data[pixel]) / 4, 0);
  });
  return tensor([batch, 1, rows, columns], values);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** [batch, height, width, channels] to [batch, channels, height, width]. */
function channelsFirst({ shape, data }: { shape: number[]; data: ArrayLike<number> }): DeviceTensor {
  const [batch, height, width, channels] = shape;
  const size = height * width;
  const planes = Array.from({ length: data.length }, (_, i) => {
    const [picture, channel, pixel] = [Math.floor(i / (size * channels)), Math.floor(i / size) % channels, i % size];
    return data[(picture * size + pixel) * channels + channel];
  });
  return floats([batch, channels, height, width], planes);
}

/** From 0 … 1 to −1 … 1. */
function signed(tensor: DeviceTensor): DeviceTensor {
  return floats(
    tensor.shape,
    Array.from(numbers(tensor), (value) => 2 * value - 1),
  );
}

/** Pixels of 8 bits, cut off as both UIs do, within one. */
function expectPixels(image: DeviceTensor, wanted: GoldenTensor | undefined): void {
  if (!(wanted?.data instanceof Uint8Array)) throw new Error('The golden picture does not hold bytes.');
  const planes = channelsFirst({ shape: wanted.shape, data: wanted.data });
  const pixels = Uint8Array.from(numbers(image), (value) => Math.min(255, Math.max(0, 255 * (value * 0.5 + 0.5))));
  expect(maxDifference(pixels, numbers(planes))).toBeLessThanOrEqual(1);
}

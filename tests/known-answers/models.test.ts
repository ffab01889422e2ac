import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { AppError, type Tensor } from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { describe, expect, test } from 'vitest';
import { recognise } from '../../backend/src/checkpoints/detect-family.js';
import { CheckpointIsPickle } from '../../backend/src/checkpoints/errors.js';
import { readCheckpoint, type Checkpoint, type StoredTensor } from '../../backend/src/checkpoints/safetensors-header.js';
import { euler } from '../../backend/src/diffusion/samplers/euler.js';
import { scaledLinearLevels, tableSampling } from '../../backend/src/diffusion/sigma-table.js';
import { clipConfig, unetConfig, vaeConfig, type HeadOverrides } from '../../backend/src/model-families/sd15/config.js';
import { sd15 } from '../../backend/src/model-families/sd15/family.js';
import { textEncoderGraph } from '../../backend/src/model-families/sd15/text-encoder.js';
import { unetGraph } from '../../backend/src/model-families/sd15/unet.js';
import { vaeDecoderGraph, vaeEncoderGraph } from '../../backend/src/model-families/sd15/vae.js';
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
import { floats, openGraph, tokenRows } from '../support/open-graph.js';

/** Shares of the largest absolute value, from the goldens' README. */
const tolerance = { text: 2e-5, unet: 3e-5, vae: 5e-5, trajectory: 2e-4 };

interface TextRecord {
  prompt: string;
  ids: { l: number[][] };
  outputs: Record<string, { cond: string; pooled?: string }>;
  encoders?: Record<string, Record<string, string>>;
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
  decoded01_nhwc: string;
  decoded_u8_nhwc: string;
}
interface Reference {
  family: string;
  latent: { scale_factor: number; shift_factor: number };
  text?: TextRecord[];
  unet?: { x: string; t: number[]; context: string; out: string }[];
  vae?: VaeRecord[];
  txt2img?: Trajectory;
  tensors_file: string;
}
interface TinyConfig {
  unet?: { num_heads?: number };
  clip_l?: { num_attention_heads?: number };
}

const notBuilt = new NotBuiltCount();
const listed = (folder: string, ending: string) =>
  existsSync(goldenPath(folder)) ? readdirSync(goldenPath(folder)).filter((name) => name.endsWith(ending)) : [];
const configs = hasGolden('models/checkpoints/configs.json') ? readJson<Record<string, TinyConfig>>('models/checkpoints/configs.json') : {};

for (const file of listed('models/refs', '.json')) {
  const name = file.slice(0, -'.json'.length);
  const reference = readJson<Reference>(`models/refs/${file}`);
  const { text = [], unet = [], vae = [], txt2img } = reference;
  const records = text.length + unet.length + vae.length + (txt2img ? 1 : 0);
  const base = `models/checkpoints/${name}.safetensors`;
  if (!hasGolden(base)) baseAbsent(base, records);
  else if (reference.family !== 'SD15') notBuilt.add(`family ${reference.family}`, records);
  else checkStableDiffusion1(name, goldenPath(base), reference);
}

function checkStableDiffusion1(
  name: string,
  file: string,
  { text = [], unet = [], vae = [], txt2img, latent, tensors_file, ...rest }: Reference,
): void {
  const tensors = readTensors(`models/refs/${tensors_file}`);
  const golden = (tensor: string) => realTensor(tensors, tensor);
  const config = configs[name] ?? {};
  // these tiny models have other heads than any real one; only here may they be named
  const heads: HeadOverrides = { unetHeads: config.unet?.num_heads, clipHeads: config.clip_l?.num_attention_heads };
  const opened = readCheckpoint(file);
  const clip = (clipSkip: number) =>
    opened.then((checkpoint) => openGraph(textEncoderGraph(checkpoint, clipConfig(checkpoint, heads), clipSkip)));
  const denoiser = once(() => opened.then((checkpoint) => openGraph(unetGraph(checkpoint, unetConfig(checkpoint, heads)))));
  const decoder = once(() => opened.then((checkpoint) => openGraph(vaeDecoderGraph(checkpoint, vaeConfig(checkpoint)))));
  const encoder = once(() => opened.then((checkpoint) => openGraph(vaeEncoderGraph(checkpoint, vaeConfig(checkpoint)))));
  const near = (actual: DeviceTensor, wanted: string, share: number) =>
    expectClose(numbers(actual), golden(wanted).data, shareOfLargest(golden(wanted).data, share), wanted);

  describe(name, () => {
    for (const record of text) {
      for (const [output, { cond, pooled }] of Object.entries(record.outputs)) {
        const clipSkip = output === 'default' ? 1 : Number(output.slice('skip'.length));
        test(`reads "${record.prompt.slice(0, 40)}" at clip skip ${clipSkip}`, async () => {
          const { hidden } = await (await clip(clipSkip))({ tokens: tokenRows(record.ids.l) });
          near(hidden, cond, tolerance.text);
        });
        if (pooled) notBuilt.add('pooled text states');
      }
      const rawStates = Object.values(record.encoders ?? {}).flatMap((states) =>
        Object.keys(states).filter((state) => /^hidden-\d+$/.test(state)),
      );
      notBuilt.add('text states before the final norm', rawStates.length);
    }

    for (const call of unet) {
      test(`predicts ${call.out} at t = ${call.t.join(', ')}`, async () => {
        const [x, context] = [golden(call.x), golden(call.context)];
        const inputs = {
          x: floats(x.shape, x.data),
          timesteps: floats([call.t.length], call.t),
          context: floats(context.shape, context.data),
        };
        near((await (await denoiser())(inputs)).prediction, call.out, tolerance.unet);
      });
    }

    for (const record of vae) {
      test(`encodes and decodes ${record.z}`, async () => {
        const pixels = golden(record.image01_nhwc);
        const { mean, logvar } = await (await encoder())({ image: signed(channelsFirst(pixels)) });
        near(mean, record.mean, tolerance.vae);
        near(logvar, record.logvar_unclamped, tolerance.vae);

        const { image } = await (await decoder())({ latent: floats(golden(record.z).shape, golden(record.z).data) });
        near(image, record.decoded, tolerance.vae);
        expectPixels(image, tensors.get(record.decoded_u8_nhwc));
      });
    }

    if (txt2img?.sampler === 'euler') {
      test('walks four Euler steps to the same picture', async () => {
        const run = await denoiser();
        const sampling = tableSampling(scaledLinearLevels(), 'eps');
        const predict = async (x: Tensor, sigma: number, context: string) => {
          const scaled = Array.from(x.data, (value) => value / Math.hypot(sigma, 1));
          const text = golden(context);
          const inputs = {
            x: floats(x.shape, scaled),
            timesteps: floats([1], [sampling.timestepOf(sigma)]),
            context: floats(text.shape, text.data),
          };
          return numbers((await run(inputs)).prediction);
        };
        const denoise = async (x: Tensor, sigma: number) => {
          const cond = await predict(x, sigma, txt2img.positive);
          const uncond = await predict(x, sigma, txt2img.negative_cond);
          const guided = x.data.map((value, i) => value - sigma * (uncond[i] + txt2img.cfg * (cond[i] - uncond[i]))) as Float32Array;
          return { denoised: { shape: x.shape, data: guided }, uncond: { shape: x.shape, data: uncond } };
        };
        const x = golden(txt2img.x_before_step[0]);
        const sigmas = Array.from(golden(txt2img.sigmas).data);
        const noise = () => expect.fail('Euler draws no noise.');
        let step = 0;
        let last: Tensor = x;
        for await (const state of euler.steps({ model: sampling, denoise, noise, x, sigmas, options: euler.options.parse({}) })) {
          const wanted = golden(txt2img.denoised[step++]).data;
          expectClose(state.denoised.data, wanted, shareOfLargest(wanted, tolerance.trajectory), `denoised in step ${step}`);
          last = state.x;
        }
        expect(step).toBe(txt2img.denoised.length);

        const latents = Array.from(last.data, (value) => value / latent.scale_factor + latent.shift_factor);
        const final = golden(txt2img.latent_vae_units).data;
        expectClose(latents, final, shareOfLargest(final, tolerance.trajectory), 'last latent');
        const { image } = await (await decoder())({ latent: floats(last.shape, latents) });
        expectPixels(image, tensors.get(txt2img.decoded_u8_nhwc));
      });
    }
    if ('inpaint' in rest) notBuilt.add('inpainting run');
  });
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
        pickles: { file: string; expected?: string }[];
      }>('models/detection/detection.json')
    : { models: [], malformed_safetensors: [], pickles: [] };

  /** Our ids of families as ComfyUI names them. */
  const comfyNames: Record<string, string> = {
    sd15: 'SD15',
    'sd1-inpainting': 'SD15',
    sd2: 'SD20',
    sdxl: 'SDXL',
    'sdxl-refiner': 'SDXLRefiner',
    sd3: 'SD3',
    'flux-dev': 'Flux',
    'flux-schnell': 'FluxSchnell',
  };

  for (const { name, header, comfyui } of models) {
    const checkpoint = checkpointOf(header);
    const recognised = recognise(checkpoint.tensors);
    if (checkpoint.tensors.has('conv_in.weight')) {
      notBuilt.add('models in the layout of diffusers');
      continue;
    }
    test(`${name} is recognised`, () => {
      if (comfyui.kind) expect(recognised).toMatchObject({ kind: 'other', what: `a ${comfyui.kind}` });
      else expect(recognised?.kind === 'model' && comfyNames[recognised.family]).toBe(comfyui.family);
    });
    if (comfyui.family !== 'SD15') {
      notBuilt.add('configuration and prediction of families to come');
      continue;
    }
    test(`${name} has the sizes that ComfyUI reads from it`, () => {
      const { heads, ...config } = unetConfig(checkpoint);
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
        num_heads: heads,
      }).toEqual(
        Object.fromEntries(
          [
            'in_channels',
            'out_channels',
            'model_channels',
            'num_res_blocks',
            'channel_mult',
            'transformer_depth',
            'transformer_depth_output',
          ]
            .concat('transformer_depth_middle', 'context_dim', 'num_heads')
            .map((key) => [key, comfyui.unet_config?.[key]]),
        ),
      );
      expect(sd15.prediction.toUpperCase()).toBe(comfyui.prediction);
      expect(sd15.latent.scale).toBe(comfyui.scale_factor);
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

  for (const { file, expected } of pickles) {
    if (expected === undefined) {
      notBuilt.add('harmless pickles');
      continue;
    }
    test(`${file} is refused and not run`, async () => {
      await expect(readCheckpoint(goldenPath(`models/detection/${file}`))).rejects.toBeInstanceOf(CheckpointIsPickle);
    });
  }
});

for (const [folder, kind] of [
  ['adapters/refs', 'adapters'],
  ['control/refs', 'control'],
  ['gguf/refs', 'GGUF'],
  ['misc/refs', 'previews, upscalers, embeddings, hypernetworks'],
]) {
  notBuilt.add(kind, listed(`models/${folder}`, '.json').length);
}
describe('what is to come', () => notBuilt.report());

/** A checkpoint of a real model's names and shapes, without values. */
function checkpointOf(header: string): Checkpoint {
  const { tensors } = JSON.parse(gunzipSync(readFileSync(goldenPath(`models/detection/${header}`))).toString()) as {
    tensors: Record<string, [StoredTensor['type'], number[]]>;
  };
  const entries = Object.entries(tensors).map(([name, [type, shape]]) => [name, { name, type, shape, offset: 0, length: 0 }] as const);
  return { file: header, tensors: new Map(entries), metadata: new Map() };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function numbers({ data }: DeviceTensor): Float32Array {
  if (!(data instanceof Float32Array)) throw new Error('A model answers in float32.');
  return data;
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

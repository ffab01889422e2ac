import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { tensor, type Condition, type EncodedText, type GraphOptions, type Tensor, type TextEncoderKind } from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { describe, expect, test } from 'vitest';
import { readModelFile, type ModelFile } from '../../backend/src/checkpoints/model-file.js';
import { readTensor } from '../../backend/src/checkpoints/read-tensor.js';
import { guided } from '../../backend/src/diffusion/guidance.js';
import { samplingOf } from '../../backend/src/diffusion/model-sampling.js';
import { euler } from '../../backend/src/diffusion/samplers/euler.js';
import { families, recognise } from '../../backend/src/model-families/families.js';
import { sd3Config } from '../../backend/src/model-families/sd3/config.js';
import { clipConfig, clipGraph } from '../../backend/src/model-families/text-encoders/clip.js';
import { t5Config, t5Graph } from '../../backend/src/model-families/text-encoders/t5.js';
import { autoencoderConfig, decoderGraph, encoderGraph } from '../../backend/src/model-families/vae/autoencoder.js';
import { fillT5Texts, loadT5Tokenizer, t5Text } from '../../backend/src/prompt/index.js';
import { baseAbsent, expectClose, goldenPath, hasGolden, readJson, readTensors, realTensor, shareOfLargest } from '../support/goldens.js';
import { headerFile } from '../support/header-file.js';
import { arithmetics, floats, numbers, openGraph, signedChannelsFirst, tokenRows } from '../support/open-graph.js';

const T5_FILE = 'models/text_encoders/t5xxl-fp16.safetensors';

/** Shares of the largest absolute value, from the goldens' README. */
const tolerance = { text: 2e-5, model: 3e-5, half: 2e-2, vae: 5e-5, trajectory: 2e-4 };

interface Call {
  x: string;
  t: number[];
  context: string;
  y: string;
  out: string;
}
interface TextRecord {
  prompt: string;
  ids: { l: number[][]; g: number[][]; t5xxl: number[][] };
  outputs: Record<string, { cond: string; pooled: string }>;
}
interface Reference {
  family: string;
  latent: { scale_factor: number; shift_factor: number };
  text?: TextRecord[];
  vae?: { image01_nhwc: string; mean: string; logvar_unclamped: string; z: string; decoded: string }[];
  txt2img?: {
    cfg: number;
    sigmas: string;
    x_before_step: string[];
    denoised: string[];
    latent_vae_units: string;
    positive: string;
    positive_pooled: string;
    negative_cond: string;
    negative_pooled: string;
  };
  tensors_file: string;
}
interface TinyConfig {
  clip_l?: { num_attention_heads: number };
  clip_g?: { num_attention_heads: number };
}

const configs = hasGolden('models/checkpoints/configs.json') ? readJson<Record<string, TinyConfig>>('models/checkpoints/configs.json') : {};
const references = existsSync(goldenPath('models/refs'))
  ? readdirSync(goldenPath('models/refs')).filter((name) => name.endsWith('.json'))
  : [];

for (const file of references) {
  const name = path.parse(file).name;
  const reference = readJson<Reference & Record<string, unknown>>(`models/refs/${file}`);
  if (reference.family !== 'SD3') continue;
  const { text = [], vae = [], txt2img } = reference;
  // the same model is there in several types of storage, with calls of each: unet, unet_bf16, …
  for (const [key, calls] of Object.entries(reference)) {
    const [, storage] = /^unet(?:_(.+))?$/.exec(key) ?? [];
    if (!key.startsWith('unet')) continue;
    const stem = storage === undefined ? name : name.replace(/[^-]+$/, storage);
    const base = `models/checkpoints/${stem}.safetensors`;
    const rest = storage === undefined ? { text, vae, txt2img } : { text: [], vae: [], txt2img: undefined };
    if (hasGolden(base)) check(stem, await readModelFile(goldenPath(base)), { ...reference, ...rest, calls: calls as Call[] });
    else baseAbsent(base, (calls as Call[]).length + rest.text.length + rest.vae.length + (rest.txt2img ? 1 : 0));
  }
}

type Records = Required<Pick<Reference, 'text' | 'vae' | 'latent' | 'tensors_file'>> & Pick<Reference, 'txt2img'> & { calls: Call[] };

function check(name: string, file: ModelFile, { latent, text, calls, vae, txt2img, tensors_file }: Records): void {
  const tensors = readTensors(`models/refs/${tensors_file}`);
  const golden = (tensor: string): Tensor => {
    const { shape, data } = realTensor(tensors, tensor);
    return { shape, data: Float32Array.from(data) };
  };
  const sent = (tensor: Tensor) => floats(tensor.shape, tensor.data);
  const near = (actual: ArrayLike<number>, wanted: string, share: number) =>
    expectClose(actual, golden(wanted).data, shareOfLargest(golden(wanted).data, share), wanted);
  const { family, model } = recognise(file, families);
  const { textEncoders, vae: autoencoder, markers } = file.components;
  const traits = () => family.traits({ model, markers, metadata: file.metadata, stem: name, read: readTensor });
  const opened = (arithmetic: GraphOptions['arithmetic'] = 'float32') => openGraph(family.graph(model, { arithmetic, mostPieces: 1 }));

  describe(name, () => {
    test('its family and its latents are those of the original', async () => {
      expect(family.id).toBe('sd3');
      expect((await traits()).latent).toMatchObject({ scale: latent.scale_factor, shift: latent.shift_factor });
    });

    for (const call of calls) {
      test.each(arithmetics)(`predicts ${call.out} at ${call.t.join(', ')} in %s`, async (arithmetic) => {
        const run = await opened(arithmetic);
        const inputs = { x: sent(golden(call.x)), context: sent(golden(call.context)), vector: sent(golden(call.y)) };
        const { prediction } = await run({ ...inputs, timesteps: floats([call.t.length], call.t) });
        expect(prediction.shape).toEqual(golden(call.out).shape);
        near(numbers(prediction), call.out, arithmetic === 'float32' ? tolerance.model : tolerance.half);
      });
    }

    for (const { prompt, ids, outputs } of hasGolden(T5_FILE) ? text : []) {
      for (const [output, { cond, pooled }] of Object.entries(outputs)) {
        if (output === 'skip1') continue; // only ComfyUI can be told to read the last layer
        const clipSkip = output === 'default' ? 1 : Number(output.slice('skip'.length));
        test(`is told "${prompt.slice(0, 40)}" at clip skip ${clipSkip}`, async () => {
          const tokenize = await loadT5Tokenizer();
          const encoded = new Map<TextEncoderKind, EncodedText>();
          for (const use of (await traits()).textEncoders) {
            const layer = use.layer(clipSkip);
            if (use.kind === 't5') {
              const encoder = (await readModelFile(goldenPath(T5_FILE))).components.textEncoders.get('t5')!;
              const [row] = fillT5Texts([t5Text(prompt, tokenize)], use.fill, use.leastTokens!);
              expect(row.ids).toEqual(ids.t5xxl[0]);
              const run = await openGraph(t5Graph(encoder, t5Config(encoder), layer));
              encoded.set('t5', { hidden: received((await run({ tokens: tokenRows([row.ids]) })).hidden) });
            } else {
              const encoder = textEncoders.get(use.kind)!;
              const heads = configs[name]?.[use.kind === 'clip-l' ? 'clip_l' : 'clip_g']?.num_attention_heads;
              const run = await openGraph(clipGraph(encoder, clipConfig(encoder, use.kind, heads), { ...use, layer }));
              const { hidden, pooled } = await run({ tokens: tokenRows(ids[use.kind === 'clip-l' ? 'l' : 'g']) });
              const [chunks, tokens, width] = hidden.shape;
              const first = tensor([1, pooled.shape[1]], numbers(pooled).slice(0, pooled.shape[1]));
              encoded.set(use.kind, { hidden: tensor([1, chunks * tokens, width], numbers(hidden)), pooled: first });
            }
          }
          const told = family.condition(encoded, { width: 1024, height: 1024, isNegative: false, isEmpty: [prompt === ''] });
          expect(told.context.shape).toEqual(golden(cond).shape);
          near(told.context.data, cond, tolerance.text);
          near(told.vector!.data, pooled, tolerance.text);
        });
      }
    }

    for (const record of vae) {
      test(`encodes and decodes ${record.z}`, async () => {
        const config = autoencoderConfig(autoencoder!);
        const encode = await openGraph(encoderGraph(autoencoder!, config));
        const { mean, logvar } = await encode({ image: signedChannelsFirst(golden(record.image01_nhwc)) });
        near(numbers(mean), record.mean, tolerance.vae);
        near(numbers(logvar), record.logvar_unclamped, tolerance.vae);
        const decode = await openGraph(decoderGraph(autoencoder!, config));
        near(numbers((await decode({ latent: sent(golden(record.z)) })).image), record.decoded, tolerance.vae);
      });
    }

    if (txt2img) {
      test('walks to the same latents', async () => {
        const sampling = samplingOf((await traits()).noise);
        const run = await opened();
        const call = async (x: Tensor, timestep: number, { context, vector }: Condition) => {
          const timesteps = floats([x.shape[0]], new Float32Array(x.shape[0]).fill(timestep));
          const { prediction } = await run({ x: sent(x), timesteps, context: sent(context), vector: sent(vector!) });
          return tensor(x.shape, numbers(prediction));
        };
        const denoise = guided({
          model: sampling,
          call,
          conditioning: {
            cond: { context: golden(txt2img.positive), vector: golden(txt2img.positive_pooled) },
            uncond: { context: golden(txt2img.negative_cond), vector: golden(txt2img.negative_pooled) },
          },
          scale: txt2img.cfg,
        });
        const x = golden(txt2img.x_before_step[0]);
        const sigmas = Array.from(golden(txt2img.sigmas).data);
        const noise = () => expect.fail('Euler draws no noise.');
        let step = 0;
        let last = x;
        for await (const state of euler.steps({ model: sampling, denoise, noise, x, sigmas, options: euler.options.parse({}) })) {
          near(state.denoised.data, txt2img.denoised[step++], tolerance.trajectory);
          last = state.x;
        }
        expect(step).toBe(txt2img.denoised.length);
        const inVaeUnits = last.data.map((value) => value / latent.scale_factor + latent.shift_factor);
        near(inVaeUnits, txt2img.latent_vae_units, tolerance.trajectory);
      });
    }
  });
}

describe('detection', () => {
  interface Detection {
    models: { name: string; header: string; comfyui: { family?: string; unet_config?: Record<string, unknown> } }[];
  }
  const { models } = hasGolden('models/detection/detection.json') ? readJson<Detection>('models/detection/detection.json') : { models: [] };
  for (const { name, header, comfyui } of models) {
    if (comfyui.family !== 'SD3') continue;
    test(`${name} is recognised, with the sizes that ComfyUI reads from it`, () => {
      const { family, model } = recognise(headerFile(header).file, families);
      expect(family.id).toBe('sd3');
      const { channels, blocks, vectorWidth, placesSide, contextWidth, width, heads } = sd3Config(model);
      const wanted = comfyui.unet_config as {
        in_channels: number;
        depth: number;
        adm_in_channels: number;
        pos_embed_max_size: number;
        context_embedder_config: { params: { in_features: number; out_features: number } };
      };
      expect({ channels, blocks, heads, vectorWidth, placesSide, contextWidth, width }).toEqual({
        channels: wanted.in_channels,
        blocks: wanted.depth,
        heads: wanted.depth,
        vectorWidth: wanted.adm_in_channels,
        placesSide: wanted.pos_embed_max_size,
        contextWidth: wanted.context_embedder_config.params.in_features,
        width: wanted.context_embedder_config.params.out_features,
      });
    });
  }
});

function received(value: DeviceTensor): Tensor {
  return tensor(value.shape, numbers(value));
}

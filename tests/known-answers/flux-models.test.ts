import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fail, type Condition, type ModelSource, type StoredTensor, type StoredTensors, type Tensor } from '@atelier/sdk';
import { afterAll, describe, expect, test } from 'vitest';
import { diffusersFlux } from '../../backend/src/checkpoints/layouts/diffusers-flux.js';
import { rowsOf, stacked } from '../../backend/src/checkpoints/layouts/layout.js';
import { readModelFile, type ModelFile } from '../../backend/src/checkpoints/model-file.js';
import { readTensor } from '../../backend/src/checkpoints/read-tensor.js';
import { guided } from '../../backend/src/diffusion/guidance.js';
import { samplingOf } from '../../backend/src/diffusion/model-sampling.js';
import { euler } from '../../backend/src/diffusion/samplers/euler.js';
import { families, recognise } from '../../backend/src/model-families/families.js';
import { fluxConfig, type RotaryAxes } from '../../backend/src/model-families/flux/config.js';
import { fluxGraph } from '../../backend/src/model-families/flux/flux.js';
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

interface Trajectory {
  cfg: number;
  guidance?: number;
  sigmas: string;
  x_before_step: string[];
  denoised: string[];
  latent_vae_units: string;
  positive: string;
  positive_pooled: string;
  negative_cond: string;
  negative_pooled: string;
}
interface Reference {
  family: string;
  latent: { scale_factor: number; shift_factor: number };
  text?: {
    prompt: string;
    ids: { l: number[][]; t5xxl: number[][] };
    outputs: Record<string, { pooled: string }>;
    encoders: { t5xxl?: { last: string } };
  }[];
  unet?: { x: string; t: number[]; context: string; y: string; guidance?: number[]; out: string }[];
  vae?: { image01_nhwc: string; mean: string; logvar_unclamped: string; z: string; decoded: string }[];
  txt2img?: Trajectory;
  txt2img_cfg1?: Trajectory;
  tensors_file: string;
}
interface TinyConfig {
  dit?: { axes_dim: RotaryAxes };
  clip_l?: { num_attention_heads: number };
}

const configs = hasGolden('models/checkpoints/configs.json') ? readJson<Record<string, TinyConfig>>('models/checkpoints/configs.json') : {};
const references = existsSync(goldenPath('models/refs'))
  ? readdirSync(goldenPath('models/refs')).filter((name) => name.endsWith('.json'))
  : [];
const familyIds: Readonly<Record<string, string>> = { Flux: 'flux-dev', FluxSchnell: 'flux-schnell' };

const folder = await mkdtemp(path.join(tmpdir(), 'flux-models-'));
afterAll(() => rm(folder, { recursive: true }));

for (const file of references) {
  const name = path.parse(file).name;
  const reference = readJson<Reference>(`models/refs/${file}`);
  if (!(reference.family in familyIds)) continue;
  const base = `models/checkpoints/${name}.safetensors`;
  const { text = [], unet = [], vae = [], txt2img, txt2img_cfg1 } = reference;
  const walks = [txt2img, txt2img_cfg1].filter((walk) => walk !== undefined);
  if (hasGolden(base)) check(name, await readModelFile(goldenPath(base)), { ...reference, text, unet, vae, walks });
  else baseAbsent(base, text.length + unet.length + vae.length + walks.length);
}

type Records = Required<Pick<Reference, 'text' | 'unet' | 'vae'>> &
  Pick<Reference, 'family' | 'latent' | 'tensors_file'> & { walks: Trajectory[] };

function check(name: string, file: ModelFile, { family: comfyName, latent, text, unet, vae, walks, tensors_file }: Records): void {
  const tensors = readTensors(`models/refs/${tensors_file}`);
  const golden = (tensor: string): Tensor => {
    const { shape, data } = realTensor(tensors, tensor);
    return { shape, data: Float32Array.from(data) };
  };
  const sent = (tensor: Tensor) => floats(tensor.shape, tensor.data);
  const near = (actual: ArrayLike<number>, wanted: string, share: number) =>
    expectClose(actual, golden(wanted).data, shareOfLargest(golden(wanted).data, share), wanted);
  const { family, model } = recognise(file, families);
  const config = fluxConfig(model, configs[name]?.dit?.axes_dim);
  const { textEncoders, vae: autoencoder } = file.components;
  const clip = () => textEncoders.get('clip-l') ?? fail(new Error(`${name} has no CLIP-L.`));
  const vaeOfIts = () => autoencoder ?? fail(new Error(`${name} has no VAE.`));
  const traits = () => family.traits(sourceOf(file));

  const inputsOf = ({ x, t, context, y, guidance }: Records['unet'][number]) => ({
    x: sent(golden(x)),
    timesteps: floats([t.length], t),
    context: sent(golden(context)),
    vector: sent(golden(y)),
    ...(guidance && { guidance: floats([guidance.length], guidance) }),
  });

  describe(name, () => {
    test('its family and its latents are those of the original', async () => {
      expect(family.id).toBe(familyIds[comfyName]);
      const { latent: space } = await traits();
      expect({ scale_factor: space.scale, shift_factor: space.shift }).toEqual(latent);
    });

    for (const { prompt, ids, outputs, encoders } of text) {
      if (encoders.t5xxl && hasGolden(T5_FILE)) {
        const { last } = encoders.t5xxl;
        test(`T5 reads "${prompt.slice(0, 40)}"`, async () => {
          const encoder = (await readModelFile(goldenPath(T5_FILE))).components.textEncoders.get('t5')!;
          const tokenize = await loadT5Tokenizer();
          const [row] = fillT5Texts([t5Text(prompt, tokenize)], 0, 256);
          expect(row.ids).toEqual(ids.t5xxl[0]);
          const run = await openGraph(t5Graph(encoder, t5Config(encoder), 1));
          near(numbers((await run({ tokens: tokenRows([row.ids]) })).hidden), last, tolerance.text);
        });
      }
      for (const [output, { pooled }] of Object.entries(outputs)) {
        test(`reads "${prompt.slice(0, 40)}" as one vector, ${output}`, async () => {
          const clipSkip = output === 'default' ? 1 : Number(output.slice('skip'.length));
          const use = (await traits()).textEncoders.find(({ kind }) => kind === 'clip-l')!;
          const reading = { layer: use.layer(clipSkip), finalNorm: use.finalNorm, pooled: use.pooled };
          const run = await openGraph(clipGraph(clip(), clipConfig(clip(), 'clip-l', configs[name]?.clip_l?.num_attention_heads), reading));
          near(numbers((await run({ tokens: tokenRows(ids.l.slice(0, 1)) })).pooled), pooled, tolerance.text);
        });
      }
    }

    for (const call of unet) {
      test.each(arithmetics)(`predicts ${call.out} at ${call.t.join(', ')} in %s`, async (arithmetic) => {
        const run = await openGraph(fluxGraph(model, config, { arithmetic, mostPieces: 1 }));
        const { prediction } = await run(inputsOf(call));
        expect(prediction.shape).toEqual(golden(call.out).shape);
        near(numbers(prediction), call.out, arithmetic === 'float32' ? tolerance.model : tolerance.half);
      });
    }

    for (const call of unet.slice(0, 1)) {
      test(`predicts ${call.out} from a file in the names of diffusers`, async () => {
        const renamed = { ...model, tensors: diffusersFlux.rename(inNamesOfDiffusers(model.tensors, config.width)) };
        const run = await openGraph(fluxGraph(renamed, config, { arithmetic: 'float32', mostPieces: 1 }));
        near(numbers((await run(inputsOf(call))).prediction), call.out, tolerance.model);
      });
    }

    for (const call of unet.slice(0, 1)) {
      // the masked picture gets the weights of the latent, all else none: what lies beside must then be seen as the latent was
      test(`sees the masked picture behind its mask as Fill does, by ${call.out}`, async () => {
        const latentTensor = golden(call.x);
        const [batch, channels, height, width] = latentTensor.shape;
        const plain = await readTensor(model.tensors.get('img_in.weight')!);
        const [rows, inputs] = plain.shape;
        const wide = new Float32Array(rows * 6 * inputs);
        for (let row = 0; row < rows; row++) wide.set(plain.data.subarray(row * inputs, (row + 1) * inputs), (row * 6 + 1) * inputs);
        const weight = await writtenTensor('img_in.weight', { shape: [rows, 6 * inputs], data: wide });
        const fill = { ...model, tensors: new Map([...model.tensors, ['img_in.weight', weight]]) };
        const axes = configs[name]?.dit?.axes_dim;
        const run = await openGraph(fluxGraph(fill, fluxConfig(fill, axes), { arithmetic: 'float32', mostPieces: 1 }));
        const picture = channels * height * width;
        const mask = Array<number>(4 * picture).fill(1);
        const beside = Array.from({ length: batch }, (_, i) => [...mask, ...latentTensor.data.subarray(i * picture, (i + 1) * picture)]);
        const { prediction } = await run({
          ...inputsOf(call),
          x: floats(latentTensor.shape, new Float32Array(latentTensor.data.length).fill(5)),
          beside: floats([batch, 5 * channels, height, width], beside.flat()),
        });
        near(numbers(prediction), call.out, tolerance.model);
      });
    }

    for (const record of vae) {
      test(`encodes and decodes ${record.z}`, async () => {
        const encode = await openGraph(encoderGraph(vaeOfIts(), autoencoderConfig(vaeOfIts())));
        const { mean, logvar } = await encode({ image: signedChannelsFirst(golden(record.image01_nhwc)) });
        near(numbers(mean), record.mean, tolerance.vae);
        near(numbers(logvar), record.logvar_unclamped, tolerance.vae);
        const decode = await openGraph(decoderGraph(vaeOfIts(), autoencoderConfig(vaeOfIts())));
        near(numbers((await decode({ latent: sent(golden(record.z)) })).image), record.decoded, tolerance.vae);
      });
    }

    for (const walk of walks) {
      test(`walks to the same latents at guidance ${walk.cfg}`, async () => {
        const { noise, takesGuidance } = await traits();
        const sampling = samplingOf(noise);
        const run = await openGraph(fluxGraph(model, config, { arithmetic: 'float32', mostPieces: 1 }));
        const call = async (x: Tensor, timestep: number, { context, vector }: Condition, inputs: Readonly<Record<string, Tensor>>) => {
          const further = Object.fromEntries(Object.entries(inputs).map(([input, value]) => [input, sent(value)]));
          const timesteps = floats([x.shape[0]], new Float32Array(x.shape[0]).fill(timestep));
          const { prediction } = await run({ x: sent(x), timesteps, context: sent(context), vector: sent(vector!), ...further });
          return { shape: x.shape, data: numbers(prediction) };
        };
        const denoise = guided({
          model: sampling,
          call,
          conditioning: {
            cond: { context: golden(walk.positive), vector: golden(walk.positive_pooled) },
            uncond: { context: golden(walk.negative_cond), vector: golden(walk.negative_pooled) },
          },
          scale: walk.cfg,
          inputs: takesGuidance ? { guidance: { shape: [1], data: Float32Array.of(walk.guidance!) } } : {},
        });
        const x = golden(walk.x_before_step[0]);
        const sigmas = Array.from(golden(walk.sigmas).data);
        const draw = () => expect.fail('Euler draws no noise.');
        let step = 0;
        let last = x;
        for await (const state of euler.steps({ model: sampling, denoise, noise: draw, x, sigmas, options: euler.options.parse({}) })) {
          near(state.denoised.data, walk.denoised[step++], tolerance.trajectory);
          last = state.x;
        }
        expect(step).toBe(walk.denoised.length);
        const inVaeUnits = last.data.map((value) => value / latent.scale_factor + latent.shift_factor);
        near(inVaeUnits, walk.latent_vae_units, tolerance.trajectory);
      });
    }
  });
}

interface Detection {
  models: { name: string; header: string; comfyui: { family?: string; unet_config?: Record<string, unknown> } }[];
}

describe('detection', () => {
  const { models } = hasGolden('models/detection/detection.json') ? readJson<Detection>('models/detection/detection.json') : { models: [] };
  for (const { name, header, comfyui } of models) {
    if (comfyui.family === undefined || !(comfyui.family in familyIds)) continue;
    test(`${name} is recognised, with the sizes that ComfyUI reads from it`, () => {
      const { family, model } = recognise(headerFile(header).file, families);
      expect(family.id).toBe(familyIds[comfyui.family!]);
      const config = fluxConfig(model);
      expect({
        in_channels: config.inChannels,
        out_channels: config.outChannels,
        vec_in_dim: config.vectorWidth,
        context_in_dim: config.contextWidth,
        hidden_size: config.width,
        num_heads: config.heads,
        depth: config.doubleBlocks,
        depth_single_blocks: config.singleBlocks,
        axes_dim: config.axes,
        guidance_embed: config.takesGuidance,
      }).toEqual(
        Object.fromEntries(
          ['in_channels', 'out_channels', 'vec_in_dim', 'context_in_dim', 'hidden_size', 'num_heads']
            .concat('depth', 'depth_single_blocks', 'axes_dim', 'guidance_embed')
            .map((key) => [key, comfyui.unet_config?.[key]]),
        ),
      );
    });
  }
});

/** The same tensors as diffusers would store them, each where it lies now. */
function inNamesOfDiffusers(tensors: StoredTensors, width: number): StoredTensors {
  const ends: readonly (readonly [RegExp, string])[] = [
    [/^img_in/, 'x_embedder'],
    [/^txt_in/, 'context_embedder'],
    [/^time_in/, 'time_text_embed.timestep_embedder'],
    [/^guidance_in/, 'time_text_embed.guidance_embedder'],
    [/^vector_in/, 'time_text_embed.text_embedder'],
    [/(?<=embedder\.)in_layer/, 'linear_1'],
    [/(?<=embedder\.)out_layer/, 'linear_2'],
    [/^final_layer\.linear/, 'proj_out'],
    [/^double_blocks/, 'transformer_blocks'],
    [/^single_blocks/, 'single_transformer_blocks'],
    [/img_mod\.lin/, 'norm1.linear'],
    [/txt_mod\.lin/, 'norm1_context.linear'],
    [/modulation\.lin/, 'norm.linear'],
    [/linear2/, 'proj_out'],
    [/img_attn\.proj/, 'attn.to_out.0'],
    [/txt_attn\.proj/, 'attn.to_add_out'],
    [/txt_attn\.norm\.query_norm\.scale/, 'attn.norm_added_q.weight'],
    [/txt_attn\.norm\.key_norm\.scale/, 'attn.norm_added_k.weight'],
    [/(img_attn\.)?norm\.query_norm\.scale/, 'attn.norm_q.weight'],
    [/(img_attn\.)?norm\.key_norm\.scale/, 'attn.norm_k.weight'],
    [/img_mlp\.0/, 'ff.net.0.proj'],
    [/img_mlp\.2/, 'ff.net.2'],
    [/txt_mlp\.0/, 'ff_context.net.0.proj'],
    [/txt_mlp\.2/, 'ff_context.net.2'],
  ];
  const apart: Readonly<Record<string, readonly string[]>> = {
    'img_attn.qkv': ['attn.to_q', 'attn.to_k', 'attn.to_v'],
    'txt_attn.qkv': ['attn.add_q_proj', 'attn.add_k_proj', 'attn.add_v_proj'],
    linear1: ['attn.to_q', 'attn.to_k', 'attn.to_v', 'proj_mlp'],
  };
  const found = new Map<string, StoredTensor>();
  for (const [name, stored] of tensors) {
    const theirs = ends.reduce((known, [pattern, theirName]) => known.replace(pattern, theirName), name);
    const [rows] = stored.shape;
    const joined = Object.keys(apart).find((ours) => theirs.includes(`.${ours}.`));
    if (joined) {
      for (const [i, part] of apart[joined].entries()) {
        found.set(theirs.replace(joined, part), rowsOf(stored, i * width, i === 3 ? rows : (i + 1) * width));
      }
    } else if (name.startsWith('final_layer.adaLN_modulation.1')) {
      const halves = [rowsOf(stored, rows / 2, rows), rowsOf(stored, 0, rows / 2)];
      found.set(theirs.replace('final_layer.adaLN_modulation.1', 'norm_out.linear'), stacked(name, halves));
    } else found.set(theirs, stored);
  }
  return found;
}

/** A tensor in a file of its own. */
async function writtenTensor(name: string, { shape, data }: Tensor): Promise<StoredTensor> {
  const file = path.join(folder, `${name}.bin`);
  await writeFile(file, new Uint8Array(data.buffer));
  return { name, file, type: 'F32', shape, offset: 0, length: data.byteLength };
}

function sourceOf({ file, components, metadata }: ModelFile): ModelSource {
  return { model: components.model!, markers: components.markers, metadata, stem: path.parse(file).name, read: readTensor };
}

import { existsSync, readdirSync } from 'node:fs';
import type { Component, StoredTensor, StoredTensors } from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { describe, expect, test } from 'vitest';
import { componentsOf, type Components } from '../../backend/src/checkpoints/components.js';
import { rowsOf, stacked } from '../../backend/src/checkpoints/layouts/layout.js';
import { numbersIn } from '../../backend/src/checkpoints/layouts/renaming.js';
import { readModelFile } from '../../backend/src/checkpoints/model-file.js';
import { readTensor } from '../../backend/src/checkpoints/read-tensor.js';
import { families, recognise } from '../../backend/src/model-families/families.js';
import { autoencoderConfig, decoderGraph, encoderGraph } from '../../backend/src/model-families/vae/autoencoder.js';
import { unetConfig } from '../../backend/src/model-families/unet/config.js';
import { unetGraph } from '../../backend/src/model-families/unet/unet.js';
import { baseAbsent, expectClose, goldenPath, hasGolden, readJson, readTensors, realTensor, shareOfLargest } from '../support/goldens.js';
import { floats, openGraph } from '../support/open-graph.js';

/** Shares of the largest absolute value, from the goldens' README. */
const tolerance = { unet: 3e-5, vae: 5e-5 };

interface Reference {
  unet?: { x: string; t: number[]; context: string; y?: string; out: string }[];
  vae?: { z: string; decoded: string }[];
  tensors_file: string;
}
type TinyConfigs = Record<string, { unet?: { num_heads?: number } }>;

const CHECKPOINTS = 'models/checkpoints';
const listed = existsSync(goldenPath(CHECKPOINTS)) ? readdirSync(goldenPath(CHECKPOINTS)) : [];
const folders = listed.filter((name) => hasGolden(`${CHECKPOINTS}/${name}/model_index.json`));

if (folders.length === 0) test.skip('no golden folder of diffusers', () => {});
for (const folder of folders) {
  // the same weights, all in one file in the names of the original program
  const family = folder.replace(/-diffusers$/, '');
  const single = listed.map((name) => name.replace(/\.safetensors$/, '')).find((name) => isCopyOf(name, family));
  if (single === undefined) {
    baseAbsent(`the single file of ${folder}`, 1);
    continue;
  }
  const inFolder = await readModelFile(goldenPath(`${CHECKPOINTS}/${folder}`));
  const inFile = await readModelFile(goldenPath(`${CHECKPOINTS}/${single}.safetensors`));
  const { unet = [], vae = [], tensors_file } = readJson<Reference>(`models/refs/${single}.json`);
  const tensors = readTensors(`models/refs/${tensors_file}`);
  const golden = (name: string) => realTensor(tensors, name);
  const near = (actual: DeviceTensor, wanted: string, share: number) =>
    expectClose(actual.data as Float32Array, golden(wanted).data, shareOfLargest(golden(wanted).data, share), wanted);

  let opened: ReturnType<typeof openGraph> | undefined;
  const denoiser = () => {
    const heads = readJson<TinyConfigs>(`${CHECKPOINTS}/configs.json`)[single]?.unet?.num_heads;
    const model = inFolder.components.model!;
    const config = unetConfig(model, heads === undefined ? undefined : { heads });
    return (opened ??= openGraph(unetGraph(model, config, { mostPieces: 1, arithmetic: 'float32' })));
  };

  describe(folder, () => {
    test(`is of the same family as ${single}`, () => {
      expect(recognise(inFolder, families).family.id).toBe(recognise(inFile, families).family.id);
    });

    test.each(networksOf(inFile.components))('has the same %s, tensor by tensor', async (name, wanted) => {
      const found = new Map(networksOf(inFolder.components)).get(name)!;
      expect([...found.tensors.keys()].toSorted()).toEqual([...wanted.tensors.keys()].toSorted());
      for (const [tensorName, stored] of wanted.tensors) {
        if (stored.type === 'I64') continue; // numbers of places in a text, which nobody reads
        const [ours, theirs] = [await bytesOf(found.tensors.get(tensorName)!), await bytesOf(stored)];
        expect(ours.equals(theirs), tensorName).toBe(true);
      }
    });

    test.each(unet)('predicts $out at t = $t', async ({ x, t, context, out }) => {
      const run = await denoiser();
      const [batch] = golden(x).shape;
      const timesteps = t.length === batch ? t : new Array<number>(batch).fill(t[0]);
      const inputs = { x: sent(golden(x)), context: sent(golden(context)), timesteps: floats([batch], timesteps) };
      near((await run(inputs)).prediction, out, tolerance.unet);
    });

    test.each(vae)('decodes $z', async ({ z, decoded }) => {
      const autoencoder = inFolder.components.vae!;
      const run = await openGraph(decoderGraph(autoencoder, autoencoderConfig(autoencoder)));
      near((await run({ latent: sent(golden(z)) })).image, decoded, tolerance.vae);
    });

    test('an encoder can be written from it', () => {
      const autoencoder = inFolder.components.vae!;
      expect(() => encoderGraph(autoencoder, autoencoderConfig(autoencoder))).not.toThrow();
    });
  });
}

for (const reference of existsSync(goldenPath('models/refs')) ? readdirSync(goldenPath('models/refs')) : []) {
  const name = reference.replace(/\.json$/, '');
  const base = `${CHECKPOINTS}/${name}.safetensors`;
  if (!reference.endsWith('.json') || !hasGolden(base)) continue;
  const { family, unet = [], tensors_file } = readJson<Reference & { family: string }>(`models/refs/${reference}`);
  if (family !== 'SD3') continue;
  const tensors = readTensors(`models/refs/${tensors_file}`);
  const golden = (tensor: string) => realTensor(tensors, tensor);
  for (const { x, t, context, y, out } of unet.slice(0, 1)) {
    test(`${name} predicts ${out} from a file in the names of diffusers`, async () => {
      const file = await readModelFile(goldenPath(base));
      const theirs = sd3OfDiffusers(file.components.model!.tensors);
      const renamed = { ...file, tensors: theirs, components: componentsOf({ ...file, tensors: theirs }) };
      const { family, model } = recognise(renamed, families);
      const run = await openGraph(family.graph(model, { mostPieces: 1, arithmetic: 'float32' }));
      const inputs = { x: sent(golden(x)), context: sent(golden(context)), vector: sent(golden(y!)), timesteps: floats([t.length], t) };
      const wanted = golden(out).data;
      expectClose((await run(inputs)).prediction.data as Float32Array, wanted, shareOfLargest(wanted, tolerance.unet), out);
    });
  }
}

/** The same tensors as diffusers would store them, each where it lies now. */
function sd3OfDiffusers(tensors: StoredTensors): StoredTensors {
  const stems: readonly (readonly [RegExp, string])[] = [
    [/^pos_embed$/, 'pos_embed.pos_embed'],
    [/^x_embedder\./, 'pos_embed.'],
    [/^t_embedder\.mlp\.0/, 'time_text_embed.timestep_embedder.linear_1'],
    [/^t_embedder\.mlp\.2/, 'time_text_embed.timestep_embedder.linear_2'],
    [/^y_embedder\.mlp\.0/, 'time_text_embed.text_embedder.linear_1'],
    [/^y_embedder\.mlp\.2/, 'time_text_embed.text_embedder.linear_2'],
    [/^final_layer\.linear/, 'proj_out'],
    [/^final_layer\.adaLN_modulation\.1/, 'norm_out.linear'],
    [/^joint_blocks/, 'transformer_blocks'],
    [/x_block\.adaLN_modulation\.1/, 'norm1.linear'],
    [/context_block\.adaLN_modulation\.1/, 'norm1_context.linear'],
    [/x_block\.(attn2?)\.proj/, '$1.to_out.0'],
    [/x_block\.(attn2?)\.ln_/, '$1.norm_'],
    [/context_block\.attn\.proj/, 'attn.to_add_out'],
    [/context_block\.attn\.ln_/, 'attn.norm_added_'],
    [/x_block\.mlp/, 'ff'],
    [/context_block\.mlp/, 'ff_context'],
    [/\.fc1/, '.net.0.proj'],
    [/\.fc2/, '.net.2'],
  ];
  const last = numbersIn(tensors, 'joint_blocks').at(-1);
  const found = new Map<string, StoredTensor>();
  for (const [ours, stored] of tensors) {
    const theirs = stems.reduce((name, [pattern, stem]) => name.replace(pattern, stem), ours);
    const [, stream, attention] = /(x_block|context_block)\.(attn2?)\.qkv/.exec(ours) ?? [];
    const [rows] = stored.shape;
    if (stream) {
      const parts = stream === 'x_block' ? ['to_q', 'to_k', 'to_v'] : ['add_q_proj', 'add_k_proj', 'add_v_proj'];
      for (const [i, part] of parts.entries())
        found.set(
          theirs.replace(`${stream}.${attention}.qkv`, `${attention}.${part}`),
          rowsOf(stored, (i * rows) / 3, ((i + 1) * rows) / 3),
        );
    } else if (theirs.startsWith('norm_out') || theirs.startsWith(`transformer_blocks.${last}.norm1_context`)) {
      found.set(theirs, stacked(theirs, [rowsOf(stored, rows / 2, rows), rowsOf(stored, 0, rows / 2)]));
    } else found.set(theirs, stored);
  }
  return found;
}

function isCopyOf(name: string, family: string): boolean {
  return name.startsWith(`${family}-`) && hasGolden(`${CHECKPOINTS}/${name}.safetensors`) && hasGolden(`models/refs/${name}.json`);
}

function networksOf({ model, vae, textEncoders }: Components): [string, Component][] {
  const named: [string, Component | undefined][] = [['diffusion model', model], ['VAE', vae], ...textEncoders];
  return named.flatMap(([name, component]) => (component ? [[name, component]] : []));
}

/** Its values as float32, fetched from wherever they lie. */
async function bytesOf(stored: StoredTensor): Promise<Buffer> {
  const pieces = await Promise.all((stored.parts ?? [stored]).map(readTensor));
  return Buffer.concat(pieces.map(({ data }) => Buffer.from(data.buffer)));
}

function sent({ shape, data }: { shape: number[]; data: ArrayLike<number> }): DeviceTensor {
  return floats(shape, data);
}

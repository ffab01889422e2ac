import { existsSync, readdirSync } from 'node:fs';
import type { Component, StoredTensor } from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { describe, expect, test } from 'vitest';
import type { Components } from '../../backend/src/checkpoints/components.js';
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
  unet?: { x: string; t: number[]; context: string; out: string }[];
  vae?: { z: string; decoded: string }[];
  tensors_file: string;
}
type TinyConfigs = Record<string, { unet?: { num_heads?: number } }>;

const CHECKPOINTS = 'models/checkpoints';
const listed = existsSync(goldenPath(CHECKPOINTS)) ? readdirSync(goldenPath(CHECKPOINTS)) : [];
const folders = listed.filter((name) => hasGolden(`${CHECKPOINTS}/${name}/model_index.json`));

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

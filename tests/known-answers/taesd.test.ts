import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readCheckpoint } from '../../backend/src/checkpoints/safetensors-header.js';
import { tinyHalvesOf, tinyVae } from '../../backend/src/model-families/vae/tiny-autoencoder.js';
import { expectClose, goldenPath, readJson, readTensors, realTensor, shareOfLargest } from '../support/goldens.js';
import { floats, openGraph } from '../support/open-graph.js';

/** Of the largest absolute value, from the goldens' README. */
const TOLERANCE = 2e-5;

interface Reference {
  files: { decoder: string; encoder: string };
  z: string;
  decode: string;
  image_pm1: string;
  encode: string;
  tensors_file: string;
}

const folder = 'models/misc/refs';
const records = existsSync(goldenPath(folder)) ? readdirSync(goldenPath(folder)).filter((name) => /^tae.*\.json$/.test(name)) : [];

if (records.length === 0) test.skip('no golden tiny autoencoder', () => {});
for (const record of records) {
  const { files, z, decode, image_pm1, encode, tensors_file } = readJson<Reference>(`${folder}/${record}`);
  const tensors = readTensors(`${folder}/${tensors_file}`);
  const golden = (name: string) => realTensor(tensors, name);
  const halvesOf = async (name: string) => {
    const { file, tensors } = await readCheckpoint(goldenPath(`models/${name}`));
    return tinyHalvesOf(file, tensors);
  };
  const tiny = async () => tinyVae(record, { ...(await halvesOf(files.decoder)), ...(await halvesOf(files.encoder)) });

  describe(`tiny autoencoder ${record}`, () => {
    test(`decodes ${z}`, async () => {
      const { channels, decoder } = await tiny();
      expect(channels).toBe(golden(z).shape[1]);
      const run = await openGraph(decoder.graph());
      const { image } = await run({ latent: floats(golden(z).shape, golden(z).data) });
      expectClose(image.data as Float32Array, golden(decode).data, shareOfLargest(golden(decode).data, TOLERANCE), decode);
    });

    test(`encodes ${image_pm1}`, async () => {
      const run = await openGraph((await tiny()).encoder.graph());
      const { mean } = await run({ image: floats(golden(image_pm1).shape, golden(image_pm1).data) });
      expectClose(mean.data as Float32Array, golden(encode).data, shareOfLargest(golden(encode).data, TOLERANCE), encode);
    });
  });
}

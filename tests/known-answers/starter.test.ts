import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readTensor } from '../../backend/src/checkpoints/read-tensor.js';
import { readModelFile } from '../../backend/src/checkpoints/model-file.js';
import { readCheckpoint } from '../../backend/src/checkpoints/safetensors-header.js';
import { sdLatent } from '../../backend/src/model-families/model-family.js';
import { expectClose, shareOfLargest } from '../support/goldens.js';
import { floats, openGraph, tokenRows } from '../support/open-graph.js';
import { sd15Graphs } from '../support/sd15-graphs.js';

const folder = fileURLToPath(new URL('../starter/expected/', import.meta.url));
const checkpointFile = fileURLToPath(new URL('../../models/checkpoints/atelier-starter.safetensors', import.meta.url));

interface Expected {
  texts: { text: string; ids: number[]; last: string; penultimate: string }[];
  model_calls: { x: string; timestep: number; context: string; eps: string }[];
  vae: { latent: string; decoded: string; mean: string; logvar: string; scale: number }[];
  tolerances: Record<string, string>;
}
const expected = JSON.parse(readFileSync(`${folder}expected.json`, 'utf8')) as Expected;
const answers = await readCheckpoint(`${folder}expected.safetensors`);
const answer = (name: string) => readTensor(answers.tensors.get(name)!);

const checkpoint = await readModelFile(checkpointFile);

/** The tolerance as the file words it: "1e-4 absolute", or "2e-4 of the largest absolute value". */
function expectWithin(actual: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: string, what: string): void {
  const [, number, meaning] = /^([\d.e-]+) (absolute|of the largest absolute value)/.exec(tolerance) ?? [];
  expect(number, `a tolerance that can be read: ${tolerance}`).toBeDefined();
  const allowed = Number(number);
  expectClose(actual, wanted, meaning === 'absolute' ? { absolute: allowed } : shareOfLargest(wanted, allowed), what);
}

/** The file leaves out the end marks that fill a chunk. */
const filled = (ids: readonly number[]) => Array.from({ length: 77 }, (_, i) => ids[i] ?? ids[ids.length - 1]);

for (const [clipSkip, field] of [
  [1, 'last'],
  [2, 'penultimate'],
] as const) {
  test(`the starter's text encodings at clip skip ${clipSkip} are those of ComfyUI`, async () => {
    const run = await openGraph(sd15Graphs(checkpoint, { clipSkip }).textEncoder);
    for (const record of expected.texts) {
      const { hidden } = await run({ tokens: tokenRows([filled(record.ids)]) });
      expectWithin(hidden.data as Float32Array, (await answer(record[field])).data, expected.tolerances.text, record.text);
    }
  });
}

test('the starter predicts the noise that ComfyUI does, at fractional timesteps and odd sizes too', async () => {
  const run = await openGraph(sd15Graphs(checkpoint).unet);
  for (const call of expected.model_calls) {
    const [x, context] = [await answer(call.x), await answer(call.context)];
    const { prediction } = await run({
      x: floats(x.shape, x.data),
      timesteps: floats([1], [call.timestep]),
      context: floats(context.shape, context.data),
    });
    expectWithin(prediction.data as Float32Array, (await answer(call.eps)).data, expected.tolerances.eps, call.eps);
  }
});

test("the starter's VAE decodes and encodes as ComfyUI's does", async () => {
  const { vaeDecoder, vaeEncoder } = sd15Graphs(checkpoint);
  const [decode, encode] = [await openGraph(vaeDecoder), await openGraph(vaeEncoder)];
  for (const record of expected.vae) {
    expect(sdLatent.scale).toBe(record.scale);
    const latent = await answer(record.latent);
    const { image } = await decode({
      latent: floats(
        latent.shape,
        Array.from(latent.data, (value) => value / record.scale),
      ),
    });
    const decoded = await answer(record.decoded);
    expectWithin(image.data as Float32Array, decoded.data, expected.tolerances.vae, record.decoded);

    const clamped = Array.from(decoded.data, (value) => Math.min(1, Math.max(-1, value)));
    const { mean, logvar } = await encode({ image: floats(decoded.shape, clamped) });
    expectWithin(mean.data as Float32Array, (await answer(record.mean)).data, expected.tolerances.vae, record.mean);
    expectWithin(logvar.data as Float32Array, (await answer(record.logvar)).data, expected.tolerances.vae, record.logvar);
  }
});

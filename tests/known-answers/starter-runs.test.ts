import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { createBus } from '../../backend/src/hooks/index.js';
import { runJob } from '../../backend/src/testing/run-job.js';
import { expectClose, readTensorsOf, shareOfLargest } from '../support/goldens.js';

const folder = fileURLToPath(new URL('../starter/expected/', import.meta.url));
const starter = fileURLToPath(new URL('../../models/checkpoints/atelier-starter.safetensors', import.meta.url));

interface Run {
  id: string;
  prompt: string;
  negative: string;
  sampler: string;
  scheduler: string;
  steps: number;
  seed: number;
  cfg: number;
  width: number;
  height: number;
  latent: string;
  image: string;
}
const { runs, tolerances } = JSON.parse(readFileSync(`${folder}expected.json`, 'utf8')) as {
  runs: Run[];
  tolerances: Record<string, string>;
};
const answers = readTensorsOf(`${folder}expected.safetensors`);

/** "2e-3 of the largest absolute value (ancestral 5e-3)" */
function latentTolerance(sampler: string): number {
  const [, usual, ancestral] = /^([\d.e-]+) of the largest absolute value \(ancestral ([\d.e-]+)\)$/.exec(tolerances.latent)!;
  return Number(sampler.endsWith(' a') ? ancestral : usual);
}

/** "mean difference under 0.5 of 255, largest under 12" */
const [, meanAllowed, largestAllowed] = /^mean difference under ([\d.]+) of 255, largest under (\d+)$/.exec(tolerances.image)!.map(Number);

for (const run of runs) {
  test(`the whole run "${run.id}" (${run.sampler}, ${run.width}×${run.height}) ends in the latent and the picture of k-diffusion with ComfyUI's modules`, async () => {
    const bus = createBus();
    let latent: Tensor | undefined;
    bus.points.transformLatent.tap('test', (value) => (latent = value));
    const { images } = await runJob(
      {
        prompt: run.prompt,
        negativePrompt: run.negative,
        sampler: run.sampler,
        scheduler: run.scheduler,
        steps: run.steps,
        seed: run.seed,
        cfgScale: run.cfg,
        width: run.width,
        height: run.height,
        rng: 'CPU',
      },
      { model: starter, extension: { bus, samplers: [], schedulers: [] } },
    );
    const expectedLatent = answers.get(run.latent)!.data as Float32Array;
    expectClose(latent!.data, expectedLatent, shareOfLargest(expectedLatent, latentTolerance(run.sampler)), `${run.id}: latent`);

    const wanted = answers.get(run.image)!.data as Uint8Array;
    const { data } = images[0].image;
    expect(data.length).toBe(wanted.length);
    let [sum, largest] = [0, 0];
    for (const [at, value] of data.entries()) {
      const difference = Math.abs(value - wanted[at]);
      sum += difference;
      largest = Math.max(largest, difference);
    }
    expect(largest).toBeLessThan(largestAllowed);
    expect(sum / data.length).toBeLessThan(meanAllowed);
  });
}

import { describe, expect, test } from 'vitest';
import { BatchNoise, generatorFor, type NoiseSource } from '../../../../backend/src/diffusion/noise/batch-noise.js';
import { BrownianTree } from '../../../../backend/src/diffusion/noise/brownian-tree.js';
import { MersenneTwister } from '../../../../backend/src/diffusion/noise/mersenne-twister.js';
import { stepNoise } from '../../../../backend/src/diffusion/noise/step-noise.js';
import { TorchCpuGenerator } from '../../../../backend/src/diffusion/noise/torch-cpu-generator.js';
import { dpmppSde } from '../../../../backend/src/diffusion/samplers/dpmpp-sde.js';
import { euler } from '../../../../backend/src/diffusion/samplers/euler.js';

const sources: NoiseSource[] = ['NV', 'CPU'];
const shape = [4, 8, 8];

test.each(sources)('%s: a picture has the same noise alone as in a batch', (source) => {
  const alone = new BatchNoise(source, [12], shape);
  const batch = new BatchNoise(source, [11, 12, 13], shape);
  for (let draw = 0; draw < 3; draw++) expect(batch.next().data.subarray(256, 512)).toEqual(alone.next().data);
});

test.each(sources)('%s: from a written-down position the same noise follows', (source) => {
  for (const small of [shape, [3], [17]]) {
    const noise = new BatchNoise(source, [1, 2], small);
    noise.next();
    const position = JSON.parse(JSON.stringify(noise.position));
    expect(new BatchNoise(source, [1, 2], small, {}, position).next()).toEqual(noise.next());
  }
});

test.each(sources)('%s: noise has mean 0 and deviation 1', (source) => {
  const data = [...new BatchNoise(source, [5], [4, 64, 64]).next().data];
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  expect(mean).toBeCloseTo(0, 1);
  expect(Math.sqrt(variance)).toBeCloseTo(1, 1);
});

test('the largest seed of the API differs from its low 32 bits on NV, and equals them on CPU', () => {
  const seed = Number.MAX_SAFE_INTEGER - 1000;
  const draw = (source: NoiseSource, of: number) => new BatchNoise(source, [of], [4]).next().data;
  expect(draw('NV', seed)).not.toEqual(draw('NV', seed % 2 ** 32));
  expect(draw('CPU', seed)).toEqual(draw('CPU', seed % 2 ** 32));
});

test('skipping words is drawing and dropping them', () => {
  for (const count of [0, 1, 623, 624, 625, 5000]) {
    const drawn = new MersenneTwister(9);
    for (let i = 0; i < count; i++) drawn.word();
    const skipped = new MersenneTwister(9);
    skipped.skip(count);
    expect(skipped.word()).toBe(drawn.word());
  }
});

test('a spare number waits for the next small draw, and large draws leave it alone', () => {
  const generator = new TorchCpuGenerator(3);
  generator.normal(1);
  expect(generator.position.spare).toBeDefined();
  const { spare } = generator.position;
  generator.normal(16);
  expect(generator.normal(1)[0]).toBe(Math.fround(spare ?? Number.NaN));
});

describe.each(sources)('a Brownian path, %s', (source) => {
  const size = 64;
  const grow = (seed = 3) => new BrownianTree(seed, size, { low: 0.03, high: 14.6 }, (own) => generatorFor(source, own));

  test('steps add up: two short increments are one long one', () => {
    const tree = grow();
    const [first, second, both] = [tree.between(9, 4), tree.between(4, 1), tree.between(9, 1)];
    for (let i = 0; i < size; i++) {
      expect(first[i] * Math.sqrt(5) + second[i] * Math.sqrt(3)).toBeCloseTo(both[i] * Math.sqrt(8), 4);
    }
  });

  test('is the same in whatever order it is asked, and upwards the negative of downwards', () => {
    const early = grow();
    const asked = early.between(2, 0.5);
    const late = grow();
    for (const level of [14.6, 7, 3, 0.2, 0.1, 0.05]) late.between(level, level / 1.5);
    expect(late.between(2, 0.5)).toEqual(asked);
    expect(late.between(0.5, 2)).toEqual(asked.map((value) => -value));
  });

  test('has unit noise between any two levels', () => {
    for (const [from, to] of [
      [14.6, 13],
      [1, 0.2],
      [0.04, 0.03],
    ]) {
      const values = Array.from({ length: 40 }, (_, seed) => [...grow(seed).between(from, to)]).flat();
      const variance = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
      expect(Math.abs(variance - 1)).toBeLessThan(0.1); // 2560 numbers: four times the expected error
    }
  });
});

test('a level just between two decimals is taken for the even one, as Python rounds', () => {
  const tree = new BrownianTree(3, 8, { low: 0.375, high: 1 }, (own) => generatorFor('NV', own));
  const increment = (to: number) => tree.between(1, to).map((value) => value * Math.sqrt(1 - to));
  const tie = increment(65 / 128); // 0.5078125
  const [even, odd] = [increment(0.507812), increment(0.507813)];
  for (let i = 0; i < 8; i++) expect(tie[i]).toBeCloseTo(even[i], 6);
  expect(Math.max(...tie.map((value, i) => Math.abs(value - odd[i])))).toBeGreaterThan(1e-4);
});

test('samplers with a Brownian path get the same noise for a picture alone, in a batch and after a stop; others draw on', () => {
  const sigmas = [14, 7, 3, 1, 0];
  const noiseFor = (sampler: typeof euler | typeof dpmppSde, seeds: number[]) =>
    stepNoise(sampler, { fresh: new BatchNoise('NV', seeds, shape), source: 'NV', seeds, shape, sigmas });
  const batch = noiseFor(dpmppSde, [11, 12]);
  batch(14, 7);
  expect(batch(7, 3).shape).toEqual([2, ...shape]);
  expect(batch(7, 3).data.subarray(256)).toEqual(noiseFor(dpmppSde, [12])(7, 3).data);
  const fresh = noiseFor(euler, [12]);
  expect(fresh(7, 3).data).toEqual(new BatchNoise('NV', [12], shape).next().data);
  expect(fresh(7, 3).data).not.toEqual(new BatchNoise('NV', [12], shape).next().data);
});

import { expect, test } from 'vitest';
import { BatchNoise, type NoiseSource } from '../../../../backend/src/diffusion/noise/batch-noise.js';
import { MersenneTwister } from '../../../../backend/src/diffusion/noise/mersenne-twister.js';
import { TorchCpuGenerator } from '../../../../backend/src/diffusion/noise/torch-cpu-generator.js';

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
    expect(new BatchNoise(source, [1, 2], small, position).next()).toEqual(noise.next());
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

import { describe, expect, test } from 'vitest';
import { BatchNoise, generatorFor } from '../../backend/src/diffusion/noise/batch-noise.js';
import { BrownianTree } from '../../backend/src/diffusion/noise/brownian-tree.js';
import { MersenneTwister } from '../../backend/src/diffusion/noise/mersenne-twister.js';
import type { NormalGenerator } from '../../backend/src/diffusion/noise/normal-generator.js';
import { NvGenerator } from '../../backend/src/diffusion/noise/nv-generator.js';
import { philox } from '../../backend/src/diffusion/noise/philox.js';
import { seedFrom } from '../../backend/src/diffusion/noise/seed-sequence.js';
import { TorchCpuGenerator } from '../../backend/src/diffusion/noise/torch-cpu-generator.js';
import { slerp } from '../../backend/src/diffusion/noise/varied-noise.js';
import { expectClose, hasGolden, notBuilt, NotBuiltCount, readJson, readTensors, realTensor } from '../support/goldens.js';

interface Draw {
  shape: number[];
  values?: number[];
  first?: number[];
  last?: number[];
  mean?: number;
  std?: number;
}

const sizeOf = (shape: number[]) => shape.reduce((size, side) => size * side, 1);

/** Draws as the record did and compares what the record holds of it: all values, or both ends and the moments. */
function expectDraw(generator: NormalGenerator, draw: Draw, tolerance: number): void {
  const values = generator.normal(sizeOf(draw.shape));
  if (draw.values) expectClose(values, draw.values, { absolute: tolerance });
  if (draw.first) expectClose(values.subarray(0, draw.first.length), draw.first, { absolute: tolerance }, 'first values');
  if (draw.last) expectClose(values.subarray(-draw.last.length), draw.last, { absolute: tolerance }, 'last values');
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (draw.mean !== undefined) expectClose([mean], [draw.mean], { absolute: 1e-6 }, 'mean');
  if (draw.std !== undefined) {
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expectClose([Math.sqrt(variance)], [draw.std], { absolute: 1e-6 }, 'standard deviation');
  }
}

/** PyTorch's vectorised functions round differently from 16 numbers on. */
const torchTolerance = ({ shape }: Draw) => (sizeOf(shape) < 16 ? 2e-7 : 2e-6);

describe.runIf(hasGolden('rng/torch_cpu.json'))('PyTorch on a CPU', () => {
  const golden = readJson<{
    randn: (Draw & { seed: number })[];
    randn_sequences: { seed: number; draws: Draw[] }[];
    raw: { seed: number; mt19937_u32_first16: number[]; mt19937_u32_at_620_635: number[] }[];
  }>('rng/torch_cpu.json');

  test.each(golden.randn)('seed $seed, shape $shape', (record) => {
    expectDraw(new TorchCpuGenerator(record.seed), record, torchTolerance(record));
  });

  test.each(golden.randn_sequences)('seed $seed, one draw after another', ({ seed, draws }) => {
    const generator = new TorchCpuGenerator(seed);
    for (const draw of draws) expectDraw(generator, draw, torchTolerance(draw));
  });

  test.each(golden.raw)('seed $seed, the words below', ({ seed, mt19937_u32_first16: first, mt19937_u32_at_620_635: later }) => {
    const twister = new MersenneTwister(seed);
    expectClose(
      Array.from({ length: first.length }, () => twister.word()),
      first,
      {},
    );
    twister.skip(620 - first.length);
    expectClose(
      Array.from({ length: later.length }, () => twister.word()),
      later,
      {},
    );
  });
  notBuilt('torch.rand, torch.randint and torch.randperm', golden.raw.length);
});

describe.runIf(hasGolden('rng/philox.json'))('NV', () => {
  const golden = readJson<{
    randn: (Draw & { seed: number; draw: number; same_generator?: boolean })[];
    philox_u32: { seed: number; offset: number; counter2: number[]; out_rows_0to3: number[][] }[];
  }>('rng/philox.json');

  test.each(golden.randn)('seed $seed, shape $shape, draw $draw', (record) => {
    expectDraw(new NvGenerator(record.seed, { taken: record.draw }), record, 2e-7);
  });

  test.each(golden.philox_u32)('seed $seed, offset $offset, the words below', ({ seed, offset, counter2, out_rows_0to3 }) => {
    for (const [column, counter] of counter2.entries()) {
      const words = Uint32Array.of(offset, 0, counter, 0);
      philox(words, seed % 2 ** 32, Math.floor(seed / 2 ** 32));
      expectClose(
        words,
        out_rows_0to3.map((row) => row[column]),
        {},
      );
    }
  });
});

describe.runIf(hasGolden('rng/image_rng.json'))('noise of a batch', () => {
  interface BatchRecord {
    id: string;
    source: 'CPU' | 'NV';
    shape: number[];
    seeds: number[];
    eta_noise_seed_delta: number;
    subseeds?: number[] | null;
    subseed_strength?: number;
    seed_resize_from_h?: number;
    seed_resize_from_w?: number;
    calls: { tensor: string }[];
  }
  const golden = readJson<{
    tensors_file: string;
    image_rng: BatchRecord[];
    slerp: (Record<'low' | 'high' | 'out', number[][][]> & { val: number })[];
    global_seed_side_effect: unknown[];
    comfy_prepare_noise: { seed: number; latent_shape: number[]; noise_inds: number[] | null; tensor: string }[];
  }>('rng/image_rng.json');
  const tensors = readTensors(golden.tensors_file);
  const left = new NotBuiltCount();

  for (const record of golden.image_rng) {
    test(record.id, () => {
      const { source, seeds, shape, subseeds, subseed_strength: subseedStrength, eta_noise_seed_delta: seedDelta } = record;
      const isVaried = Boolean(subseeds && subseedStrength);
      const { seed_resize_from_h: height = 0, seed_resize_from_w: width = 0 } = record;
      const noise = new BatchNoise(source, seeds, shape, {
        ...(subseeds && { subseeds, subseedStrength }),
        ...(height > 0 && width > 0 && { resizeFrom: [Math.floor(height / 8), Math.floor(width / 8)] }),
        seedDelta,
      });
      for (const call of record.calls) {
        expectClose(
          noise.next().data,
          realTensor(tensors, call.tensor).data,
          { absolute: source === 'CPU' || isVaried ? 2e-6 : 2e-7 }, // noise is mixed by PyTorch on a CPU, whatever made it
          call.tensor,
        );
      }
    });
  }

  for (const record of golden.comfy_prepare_noise) {
    if (record.noise_inds !== null) {
      left.add('ComfyUI noise indices');
      continue;
    }
    test(`ComfyUI, seed ${record.seed}: one generator for the whole batch`, () => {
      const values = new TorchCpuGenerator(record.seed).normal(sizeOf(record.latent_shape));
      expectClose(values, realTensor(tensors, record.tensor).data, { absolute: 2e-6 });
    });
  }
  test.each(golden.slerp)('noise $val of the way to another', ({ val, low, high, out }) => {
    const values = (nested: number[][][]) => Float32Array.from(nested.flat(2));
    expectClose(slerp(val, values(low), values(high), [low.length, low[0].length, low[0][0].length]), values(out), { absolute: 2e-6 });
  });
  left.add('global seed as a side effect', golden.global_seed_side_effect.length);
  left.report();
});

describe.runIf(hasGolden('rng/brownian.json'))('Brownian noise', () => {
  interface TreeRecord {
    randn: 'torchsde' | 'A1111_NV';
    seed_list?: number[];
    seed_int?: number;
    x_shape: number[];
    sigma_min: number;
    sigma_max: number;
    queries: { sigma: number; sigma_next: number; tensor: string }[];
  }
  const golden = readJson<{
    tensors_file: string;
    seed_sequence: { entropy: number; spawn_key: number[]; pool_size: number; generate_state: number[] }[];
    cases: TreeRecord[];
  }>('rng/brownian.json');
  const tensors = readTensors(golden.tensors_file);

  test.each(golden.seed_sequence)('seed $entropy, key $spawn_key: the seed that follows from them', (record) => {
    expect(record.pool_size).toBe(24);
    expect(seedFrom(record.entropy, record.spawn_key)).toBe(record.generate_state[0]);
  });

  for (const record of golden.cases) {
    const source = record.randn === 'A1111_NV' ? 'NV' : 'CPU';
    const perPicture = record.seed_list !== undefined;
    const seeds = record.seed_list ?? [record.seed_int ?? 0];
    const size = sizeOf(record.x_shape) / seeds.length;
    test(`${record.randn}, ${perPicture ? `seeds ${seeds.join(', ')}` : `seed ${seeds[0]} for the whole batch`}`, () => {
      const interval = { low: Math.fround(record.sigma_min), high: Math.fround(record.sigma_max) };
      const trees = seeds.map((seed) => new BrownianTree(seed, size, interval, (own) => generatorFor(source, own)));
      for (const { sigma, sigma_next: next, tensor } of record.queries) {
        const expected = realTensor(tensors, tensor).data;
        for (const [index, tree] of trees.entries()) {
          const noise = tree.between(Math.fround(sigma), Math.fround(next));
          expectClose(noise, expected.subarray(index * size, (index + 1) * size), { absolute: 2e-6 }, `${sigma} to ${next}`);
        }
      }
    });
  }
});

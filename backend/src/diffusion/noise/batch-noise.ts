import { tensor, sizeOf, type Tensor } from '@atelier/sdk';
import type { GeneratorPosition, NormalGenerator } from './normal-generator.js';
import { NvGenerator } from './nv-generator.js';
import { TorchCpuGenerator } from './torch-cpu-generator.js';

/** How noise is made: as PyTorch does on an NVIDIA card, or on a CPU. */
export type NoiseSource = 'NV' | 'CPU';

/** Where each picture's generator stands, as plain data. */
export type NoisePosition = readonly GeneratorPosition[];

const generators: Record<NoiseSource, new (seed: number, position?: GeneratorPosition) => NormalGenerator> = {
  NV: NvGenerator,
  CPU: TorchCpuGenerator,
};

/** The source of numbers of one seed. */
export function generatorFor(source: NoiseSource, seed: number, position?: GeneratorPosition): NormalGenerator {
  return new generators[source](seed, position);
}

/**
 * The noise of a batch: each picture has a generator of its own, so that it comes out the same in any batch. The first
 * draw is the start noise, the following ones are for samplers that add noise.
 */
export class BatchNoise {
  private readonly generators: readonly NormalGenerator[];

  /**
   * @param seeds One a picture.
   * @param shape Of one picture's latent: [channels, height / 8, width / 8].
   * @param position Where to go on, when a job goes on after a stop.
   */
  constructor(
    source: NoiseSource,
    seeds: readonly number[],
    private readonly shape: readonly number[],
    position?: NoisePosition,
  ) {
    this.generators = seeds.map((seed, index) => generatorFor(source, seed, position?.[index]));
  }

  /** Unit noise, [pictures, ...shape], float32. */
  next(): Tensor {
    const size = sizeOf(this.shape);
    const data = new Float32Array(size * this.generators.length);
    for (const [index, generator] of this.generators.entries()) data.set(generator.normal(size), index * size);
    return tensor([this.generators.length, ...this.shape], data);
  }

  get position(): NoisePosition {
    return this.generators.map((generator) => generator.position);
  }
}

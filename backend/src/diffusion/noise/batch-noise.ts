import { tensor, sizeOf, type Tensor } from '@atelier/sdk';
import type { GeneratorPosition, NormalGenerator } from './normal-generator.js';
import { NvGenerator } from './nv-generator.js';
import { TorchCpuGenerator } from './torch-cpu-generator.js';
import { laidOver, slerp } from './varied-noise.js';

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

/** How the start noise differs from what the seeds alone give, as A1111's users know it. */
export interface NoiseVariation {
  /** Other seeds, one a picture, and how far the start noise goes towards theirs: 0 … 1. */
  subseeds?: readonly number[];
  subseedStrength?: number;
  /** The latent's [height, width] from which the start noise is taken, so that a picture of another size begins alike. */
  resizeFrom?: readonly [height: number, width: number];
  /** Added to the seeds for what is drawn after the start noise ("eta noise seed delta"). */
  seedDelta?: number;
}

/**
 * The noise of a batch: each picture has a generator of its own, so that it comes out the same in any batch. The first
 * draw is the start noise, the following ones are for samplers that add noise.
 */
export class BatchNoise {
  private generators: readonly NormalGenerator[];
  private isAtStart: boolean;

  /**
   * @param seeds One a picture.
   * @param shape Of one picture's latent: [channels, height / 8, width / 8].
   * @param position Where to go on, when a job goes on after a stop.
   */
  constructor(
    private readonly source: NoiseSource,
    private readonly seeds: readonly number[],
    private readonly shape: readonly number[],
    private readonly variation: NoiseVariation = {},
    position?: NoisePosition,
  ) {
    this.isAtStart = position === undefined;
    const { seedDelta = 0 } = variation;
    this.generators = seeds.map((seed, index) => generatorFor(source, position ? seed + seedDelta : seed, position?.[index]));
  }

  /** Unit noise, [pictures, ...shape], float32. */
  next(): Tensor {
    const size = sizeOf(this.shape);
    const data = new Float32Array(size * this.generators.length);
    for (const [index, generator] of this.generators.entries()) {
      data.set(this.isAtStart ? this.startOf(index, generator) : generator.normal(size), index * size);
    }
    const { seedDelta = 0 } = this.variation;
    if (this.isAtStart && seedDelta !== 0) this.generators = this.seeds.map((seed) => generatorFor(this.source, seed + seedDelta));
    this.isAtStart = false;
    return tensor([this.generators.length, ...this.shape], data);
  }

  get position(): NoisePosition {
    return this.generators.map((generator) => generator.position);
  }

  private startOf(picture: number, generator: NormalGenerator): Float32Array {
    const { source, seeds, shape } = this;
    const { subseeds, subseedStrength = 0, resizeFrom } = this.variation;
    const own = generator.normal(sizeOf(shape));
    const [channels, height, width] = shape;
    const from = resizeFrom ? [channels, ...resizeFrom] : shape;
    const isResized = from[1] !== height || from[2] !== width;
    const drawn = (seed: number) => generatorFor(source, seed).normal(sizeOf(from));
    let noise = isResized ? drawn(seeds[picture]) : own;
    if (subseeds && subseedStrength !== 0) noise = slerp(subseedStrength, noise, drawn(subseeds[picture]), from);
    return isResized ? laidOver(own, shape, noise, from) : noise;
  }
}

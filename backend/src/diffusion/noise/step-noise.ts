import { sizeOf, tensor, type Noise, type Sampler } from '@atelier/sdk';
import { generatorFor, type BatchNoise, type NoiseSource } from './batch-noise.js';
import { BrownianTree } from './brownian-tree.js';

/** What the noise between steps is made of. */
export interface StepNoiseRun {
  /** The run's start noise was drawn from it; samplers without a path of their own go on drawing there. */
  fresh: BatchNoise;
  source: NoiseSource;
  /** One a picture. */
  seeds: readonly number[];
  /** Of one picture's latent: [channels, height / 8, width / 8]. */
  shape: readonly number[];
  /** Falling levels of the whole run, also when it goes on after a stop. */
  sigmas: readonly number[];
}

/** The noise that a sampler adds in its steps: drawn anew each time, or the increments of a Brownian path a picture. */
export function stepNoise(sampler: Sampler, { fresh, source, seeds, shape, sigmas }: StepNoiseRun): Noise {
  if (!sampler.usesBrownianNoise) return () => fresh.next();
  const interval = { low: Math.min(...sigmas.filter((sigma) => sigma > 0)), high: sigmas[0] };
  const size = sizeOf(shape);
  const trees = seeds.map((seed) => new BrownianTree(seed, size, interval, (own) => generatorFor(source, own)));
  return (from, to) => {
    const data = new Float32Array(size * trees.length);
    for (const [index, tree] of trees.entries()) data.set(tree.between(from, to), index * size);
    return tensor([trees.length, ...shape], data);
  };
}

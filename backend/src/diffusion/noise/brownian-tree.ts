import { roundHalfToEven } from '../round-half-to-even.js';
import type { NormalGenerator } from './normal-generator.js';
import { seedFrom } from './seed-sequence.js';

/** Ends of intervals are told apart to so many decimals. */
const DECIMALS = 6;

/** Points whose path is kept: the ends of the latest steps, and the middle of one. */
const KEPT_POINTS = 4;

/**
 * One Brownian path over levels of noise, the same however it is cut into steps: torchsde's `BrownianTree`. The path over
 * the whole interval is drawn first; halves follow from their whole (Lévy's construction), each with a seed of its own.
 */
export class BrownianTree {
  private readonly low: number;
  private readonly high: number;
  private readonly whole: Float64Array;
  private readonly kept = new Map<number, Float64Array>();

  /**
   * @param size How many independent paths: the elements of one picture's latent.
   * @param interval The lowest and the highest level that are asked for; others are moved to the nearest of them.
   * @param generator Makes the source of numbers for a seed.
   */
  constructor(
    private readonly seed: number,
    private readonly size: number,
    interval: { low: number; high: number },
    private readonly generator: (seed: number) => NormalGenerator,
  ) {
    this.low = rounded(interval.low);
    this.high = rounded(interval.high);
    const deviation = Math.sqrt(interval.high - interval.low);
    this.whole = Float64Array.from(this.normal(seedFrom(seed)), (value) => value * deviation);
  }

  /**
   * Unit noise for the step between two levels: the path's increment, by the root of its length. Down is negative. Levels
   * are taken as float32, because the originals' are: the last digit may move an end to another decimal.
   */
  between(from: number, to: number): Float32Array {
    const start = this.upTo(Math.fround(from));
    const end = this.upTo(Math.fround(to));
    const length = Math.sqrt(Math.abs(to - from));
    return Float32Array.from(end, (value, index) => (value - start[index]) / length);
  }

  /** The path's increment from the lowest level to this one. */
  private upTo(level: number): Float64Array {
    const point = rounded(Math.min(Math.max(level, this.low), this.high));
    const known = this.kept.get(point);
    if (known) return known;
    const path = this.descendTo(point);
    this.kept.set(point, path);
    for (const [oldest] of this.kept) {
      if (this.kept.size <= KEPT_POINTS) break;
      this.kept.delete(oldest);
    }
    return path;
  }

  /** Halves the interval until the point is an end of it; on the way, what lies below the point is summed up. */
  private descendTo(point: number): Float64Array {
    const below = new Float64Array(this.size);
    const increment = this.whole.slice();
    let [start, end, key] = [this.low, this.high, 0];
    for (let depth = 0; point !== start && point !== end; depth++) {
      const middle = rounded((start + end) / 2);
      const share = (middle - start) / (end - start);
      const deviation = Math.sqrt(((middle - start) * (end - middle)) / (end - start));
      const noise = this.normal(seedFrom(this.seed, [key, depth]));
      const isRight = point >= middle;
      for (let i = 0; i < increment.length; i++) {
        const left = share * increment[i] + deviation * noise[i];
        if (isRight) {
          below[i] += left;
          increment[i] -= left;
        } else {
          increment[i] = left;
        }
      }
      key = 2 * key + (isRight ? 1 : 0);
      if (isRight) start = middle;
      else end = middle;
    }
    if (point === end && point !== start) for (let i = 0; i < below.length; i++) below[i] += increment[i];
    return below;
  }

  private normal(seed: number): Float32Array {
    return this.generator(seed).normal(this.size);
  }
}

/** To the nearest decimal; just between two of them, as only odd 128ths are, to the even one. */
function rounded(level: number): number {
  return Number.isInteger(level * 128) ? roundHalfToEven(level * 10 ** DECIMALS) / 10 ** DECIMALS : Number(level.toFixed(DECIMALS));
}

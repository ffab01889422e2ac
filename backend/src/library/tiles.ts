import { concat, crop, rows, zeros, type Tensor } from '@atelier/sdk';
import type { TiledVae } from '@atelier/sdk/contracts';

/** Overlapping pieces that a picture is cut into, so that the VAE needs memory for one of them only. All are of one size; units are latent cells. */
export interface Tiling {
  height: number;
  width: number;
  /** Cells that neighbours share at least, over which one fades into the other. */
  overlap: number;
}

/**
 * The largest area that is computed as a whole unless it is asked otherwise, in cells: 1024 × 1024 pixels.
 *
 * Measured with the VAE of Stable Diffusion 1 on a CPU, in GiB and CPU-seconds; a picture in tiles takes what one of its tiles takes:
 *
 * | pixels      | decode         | encode         |
 * |-------------|----------------|----------------|
 * | 512 × 512   | 1.2 GiB, 16 s  | 0.7 GiB, 6 s   |
 * | 768 × 768   | 2.5 GiB, 32 s  | 1.4 GiB, 14 s  |
 * | 1024 × 1024 | 3.2 GiB, 55 s  | 2.4 GiB, 28 s  |
 * | 1280 × 1280 | 5.9 GiB, 91 s  | 3.0 GiB, 47 s  |
 *
 * The bound is the same on all machines, so that one request gives one picture: a tile does not know the brightness of the others, to which
 * the normalisation of the whole would have fitted it.
 */
const LARGEST_WHOLE_AREA = 128 * 128;

/** The largest side of a tile, in cells. Who wants tiles always has little memory; else large ones differ least from the whole. */
const largestSide = { auto: 96, always: 64 };

const OVERLAP = 16;

/**
 * How a latent of that size is cut; null when it is computed as a whole. There are as few tiles as the largest size allows, and they are no
 * larger than it takes to share the picture equally.
 */
export function tilingOf(choice: TiledVae, height: number, width: number): Tiling | null {
  if (choice === 'never' || (choice === 'auto' && height * width <= LARGEST_WHOLE_AREA)) return null;
  const [tileHeight, tileWidth] = [height, width].map((side) => tileSide(side, largestSide[choice]));
  return tileHeight === height && tileWidth === width ? null : { height: tileHeight, width: tileWidth, overlap: OVERLAP };
}

function tileSide(length: number, largest: number): number {
  if (length <= largest) return length;
  const count = Math.ceil((length - OVERLAP) / (largest - OVERLAP));
  return Math.ceil((length + (count - 1) * OVERLAP) / count);
}

/**
 * Computes pictures tile by tile, in about the memory of one tile. Where tiles overlap, each counts the less the nearer its edge is; what
 * they count adds up to one.
 *
 * @param x [batch, channels, height, width], in which `scale.input` elements a side make one cell.
 * @param scale elements a side of one cell, in `x` and in the answer.
 * @param compute answers [1, channels, height, width] for a tile of one picture.
 */
export async function inTiles(
  x: Tensor,
  tiling: Tiling,
  scale: { input: number; output: number },
  compute: (tile: Tensor) => Promise<Tensor>,
): Promise<Tensor> {
  const [batch, , height, width] = x.shape;
  const down = strips(height / scale.input, tiling.height, tiling.overlap, scale.output);
  const across = strips(width / scale.input, tiling.width, tiling.overlap, scale.output);
  const size = { height: tiling.height * scale.input, width: tiling.width * scale.input };
  const wholes: Tensor[] = [];
  for (let picture = 0; picture < batch; picture++) {
    for (const row of down) {
      for (const column of across) {
        const place = { top: row.from * scale.input, left: column.from * scale.input };
        const tile = await compute(crop(rows(x, picture, picture + 1), { ...place, ...size }));
        wholes[picture] ??= zeros([1, tile.shape[1], (height / scale.input) * scale.output, (width / scale.input) * scale.output]);
        addWeighted(wholes[picture], tile, { row, column, scale: scale.output });
      }
    }
  }
  return concat(wholes);
}

/** What a row or a column of tiles covers along one axis. */
interface Strip {
  /** In cells. */
  from: number;
  /** What each of its elements of the answer counts. */
  weights: Float64Array;
}

/** Strips of `side` cells, spread evenly over `length`. Where several cover an element, what they count there adds up to one. */
function strips(length: number, side: number, overlap: number, scale: number): Strip[] {
  const count = length <= side ? 1 : Math.ceil((length - overlap) / (side - overlap));
  const starts = Array.from({ length: count }, (_, i) => (i === 0 ? 0 : Math.round((i * (length - side)) / (count - 1))));
  const sums = new Float64Array(length * scale);
  const fading = starts.map((from, i) => {
    const weights = new Float64Array(side * scale).fill(1);
    if (i > 0) fade(weights, (starts[i - 1] + side - from) * scale);
    if (i < count - 1) fade(weights.reverse(), (from + side - starts[i + 1]) * scale).reverse();
    for (const [at, weight] of weights.entries()) sums[from * scale + at] += weight;
    return { from, weights };
  });
  return fading.map(({ from, weights }) => ({ from, weights: weights.map((weight, at) => weight / sums[from * scale + at]) }));
}

/** Lets the first `length` weights rise from nothing to what they were, evenly. */
function fade(weights: Float64Array, length: number): Float64Array {
  for (let i = 0; i < length; i++) weights[i] *= (i + 0.5) / length;
  return weights;
}

function addWeighted(whole: Tensor, tile: Tensor, { row, column, scale }: { row: Strip; column: Strip; scale: number }): void {
  const [, channels, height, width] = whole.shape;
  const [, , tileHeight, tileWidth] = tile.shape;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < tileHeight; y++) {
      const from = (channel * tileHeight + y) * tileWidth;
      const to = (channel * height + row.from * scale + y) * width + column.from * scale;
      for (let x = 0; x < tileWidth; x++) whole.data[to + x] += tile.data[from + x] * row.weights[y] * column.weights[x];
    }
  }
}

import { crop, rows, type LatentSpace, type RgbImage, type Tensor } from '@atelier/sdk';

/** Sides of the piece that is decoded to learn from, in latent cells: a thirtieth of a step's work at 512 px, with Stable Diffusion 1. */
const PIECE = 8;
/** What an older lesson still counts when a new one comes: the picture being made matters most. */
const MEMORY = 0.3;
/** Holds the map small where the cells, still alike, say little about it. */
const RIDGE = 0.002;

/**
 * How latents look, roughly: a linear map from channels to colours, which costs nothing, so that every step can be shown.
 *
 * It begins with the family's published factors and learns those of the checkpoint at hand, because a VAE of its own has
 * colours of its own: latents and what the decoder made of them go into a least-squares fit.
 */
export class PreviewColours {
  /** One row of red, green and blue a channel, and a last one that is always added; in −1 … 1. */
  private map: number[][];
  /** Sums of the normal equations: rows of (cell · cellᵀ | cell · colourᵀ), a cell being its channels and a 1. */
  private sums: number[][];

  constructor({ channels, preview }: LatentSpace) {
    this.map = [...preview.factors.map((row) => [...row]), [...preview.bias]];
    this.sums = Array.from({ length: channels + 1 }, () => new Array<number>(channels + 4).fill(0));
  }

  /** One latent of a batch as a picture with one pixel a cell. `latents` is [batch, channels, height, width]. */
  image(latents: Tensor, row: number): RgbImage {
    const [, channels, height, width] = latents.shape;
    const size = height * width;
    const start = row * channels * size;
    const pixels = new Uint8ClampedArray(size * 3);
    for (let cell = 0; cell < size; cell++) {
      for (let colour = 0; colour < 3; colour++) {
        let value = this.map[channels][colour];
        for (let channel = 0; channel < channels; channel++)
          value += latents.data[start + channel * size + cell] * this.map[channel][colour];
        pixels[cell * 3 + colour] = (value + 1) * 127.5;
      }
    }
    return { width, height, data: new Uint8Array(pixels.buffer) };
  }

  /**
   * Learns from what the decoder made of latents.
   *
   * @param latents [batch, channels, height, width] in the model's scale.
   * @param decoded [batch, 3, height · n, width · n] in [−1, 1].
   */
  learn(latents: Tensor, decoded: Tensor): void {
    const [batch, channels, height, width] = latents.shape;
    const scale = decoded.shape[2] / height;
    const size = height * width;
    const lesson = this.sums.map((row) => row.map(() => 0));
    for (let picture = 0; picture < batch; picture++) {
      for (let cell = 0; cell < size; cell++) {
        const known = Array.from({ length: channels }, (_, channel) => latents.data[(picture * channels + channel) * size + cell]);
        known.push(1, ...meanColour(decoded, picture, cell % width, Math.floor(cell / width), scale));
        for (let i = 0; i <= channels; i++) for (let j = 0; j < known.length; j++) lesson[i][j] += (known[i] * known[j]) / (batch * size);
      }
    }
    this.sums = this.sums.map((row, i) => row.map((sum, j) => MEMORY * sum + lesson[i][j]));
    this.map = solve(this.sums.map((row, i) => row.map((sum, j) => (i === j ? sum + RIDGE : sum))));
  }
}

/** The middle of a batch's first latent, at most 8 cells a side: enough to learn from. */
export function middleOf(latents: Tensor): Tensor {
  const [, , height, width] = latents.shape;
  const piece = { height: Math.min(PIECE, height), width: Math.min(PIECE, width) };
  return crop(rows(latents, 0, 1), { top: (height - piece.height) >> 1, left: (width - piece.width) >> 1, ...piece });
}

/** The mean colour of the pixels that one cell became. */
function meanColour(decoded: Tensor, picture: number, cellX: number, cellY: number, scale: number): number[] {
  const [, , height, width] = decoded.shape;
  return [0, 1, 2].map((colour) => {
    let sum = 0;
    for (let y = cellY * scale; y < (cellY + 1) * scale; y++) {
      const line = ((picture * 3 + colour) * height + y) * width;
      for (let x = cellX * scale; x < (cellX + 1) * scale; x++) sum += decoded.data[line + x];
    }
    return sum / scale ** 2;
  });
}

/** Gauss–Jordan elimination of `(A | B)`, with A symmetric and positive; the answer is A⁻¹B. */
function solve(equations: number[][]): number[][] {
  const rows = equations.map((row) => [...row]);
  for (const [i, pivot] of rows.entries()) {
    const scale = 1 / pivot[i];
    for (let j = i; j < pivot.length; j++) pivot[j] *= scale;
    for (const other of rows) {
      if (other === pivot) continue;
      const factor = other[i];
      for (let j = i; j < pivot.length; j++) other[j] -= factor * pivot[j];
    }
  }
  return rows.map((row) => row.slice(rows.length));
}

import { tensor, type Tensor } from '@atelier/sdk';

/** Numbers of one wave train; half are cosines, half sines. */
const WAVES = 256;

/**
 * The vector that SDXL is told beside the text (Podell et al. 2023): the pooled text, then each number as waves.
 *
 * @param pooled [texts, width].
 * @param numbers sizes and places in pixels, or a score.
 * @returns [texts, width + 256 · numbers]
 */
export function vectorOf(pooled: Tensor, numbers: readonly number[]): Tensor {
  const [texts, width] = pooled.shape;
  const waves = numbers.flatMap(wavesOf);
  const data = new Float32Array(texts * (width + waves.length));
  for (let text = 0; text < texts; text++) {
    const start = text * (width + waves.length);
    data.set(pooled.data.subarray(text * width, (text + 1) * width), start);
    data.set(waves, start + width);
  }
  return tensor([texts, width + waves.length], data);
}

/** Cosines, then sines, of falling frequency. */
function wavesOf(number: number): number[] {
  const angles = frequencies.map((frequency) => Math.fround(number * frequency));
  return [...angles.map(Math.cos), ...angles.map(Math.sin)];
}

/**
 * Where torch's float32 exponential misses the nearest number by one last digit: an angle of a thousand pixels moves by 6e-5 with it,
 * and these are the vectors that the models know.
 */
const torchMisses: Readonly<Record<number, 1 | -1>> = { 12: 1, 106: 1, 121: -1 };

/** exp(−ln 10000 · i / 128), rounded to float32 at each operation. */
const frequencies = Array.from({ length: WAVES / 2 }, (_, i) => {
  const exponent = Math.fround(Math.fround(Math.fround(-Math.log(10000)) * i) / (WAVES / 2));
  const nearest = Math.fround(Math.exp(exponent));
  const lastDigit = 2 ** (Math.floor(Math.log2(nearest)) - 23);
  return nearest + (torchMisses[i] ?? 0) * lastDigit;
});

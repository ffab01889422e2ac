import type { RgbImage, Tensor } from '@atelier/sdk';

/**
 * Turns decoded pictures into 8-bit pixels: to 0 … 255, clamped, each to the nearest whole number.
 *
 * @param decoded [batch, 3, height, width] in [−1, 1].
 */
export function toImages(decoded: Tensor): RgbImage[] {
  const [count, , height, width] = decoded.shape;
  const size = height * width;
  return Array.from({ length: count }, (_, picture) => {
    const pixels = new Uint8ClampedArray(size * 3); // clamps and rounds
    for (let colour = 0; colour < 3; colour++) {
      const plane = (picture * 3 + colour) * size;
      for (let pixel = 0; pixel < size; pixel++) pixels[pixel * 3 + colour] = 127.5 * decoded.data[plane + pixel] + 127.5;
    }
    return { width, height, data: new Uint8Array(pixels.buffer) };
  });
}

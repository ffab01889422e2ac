import type { RgbImage, Tensor } from '@atelier/sdk';

/**
 * Turns decoded pictures into 8-bit pixels as A1111 does: to 0 … 255, clamped, fractions cut off.
 *
 * @param decoded [batch, 3, height, width] in [−1, 1].
 */
export function toImages(decoded: Tensor): RgbImage[] {
  const [count, , height, width] = decoded.shape;
  const size = height * width;
  return Array.from({ length: count }, (_, picture) => {
    const data = new Uint8Array(size * 3);
    for (let colour = 0; colour < 3; colour++) {
      const plane = (picture * 3 + colour) * size;
      for (let pixel = 0; pixel < size; pixel++) {
        data[pixel * 3 + colour] = Math.max(0, Math.min(255, 127.5 * decoded.data[plane + pixel] + 127.5));
      }
    }
    return { width, height, data };
  });
}

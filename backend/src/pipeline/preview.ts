import type { RgbImage, Tensor } from '@atelier/sdk';

/** How a family's latent channels look, roughly: one row of red, green and blue a channel, and what is added to each. */
export interface LatentToRgb {
  factors: readonly (readonly [red: number, green: number, blue: number])[];
  bias: readonly [red: number, green: number, blue: number];
}

/**
 * A cheap look at one latent of a batch: every cell becomes one pixel by a linear map from channels to colours.
 *
 * @param latents [batch, channels, height / 8, width / 8] in the model's scale.
 */
export function previewImage(latents: Tensor, row: number, { factors, bias }: LatentToRgb): RgbImage {
  const [, channels, height, width] = latents.shape;
  const size = height * width;
  const data = new Uint8Array(size * 3);
  const start = row * channels * size;
  for (let cell = 0; cell < size; cell++) {
    for (let colour = 0; colour < 3; colour++) {
      let value = bias[colour];
      for (let channel = 0; channel < channels; channel++) value += latents.data[start + channel * size + cell] * factors[channel][colour];
      data[cell * 3 + colour] = Math.max(0, Math.min(255, (value + 1) * 127.5));
    }
  }
  return { width, height, data };
}

import { emptyLike, type Denoise, type Tensor } from '@atelier/sdk';

/** What of a picture is kept while the rest is made anew. */
interface Kept {
  /** 1 where the picture is made anew, 0 where it is kept, between at soft edges: [batch or 1, channels or 1, height, width]. */
  mask: Tensor;
  /** The picture, [batch or 1, channels, height, width]. */
  latent: Tensor;
  /** The picture as it would look at a level: ComfyUI adds the start noise each time, Forge noise that is drawn anew. */
  noisedAt(sigma: number): Tensor;
}

/** A denoiser that sees the kept part as it is at this level, and answers it as it is without noise. */
export function keeping(denoise: Denoise, { mask, latent, noisedAt }: Kept): Denoise {
  return async (x, sigma) => {
    const { denoised, uncond } = await denoise(blend(x, noisedAt(sigma), mask), sigma);
    return { denoised: blend(denoised, latent, mask), uncond };
  };
}

/** made · mask + kept · (1 − mask). Axes of one in `kept` and `mask` go for all of `made`. */
function blend(made: Tensor, kept: Tensor, mask: Tensor): Tensor {
  const blended = emptyLike(made);
  const [keptAt, maskAt] = [placesIn(kept, made), placesIn(mask, made)];
  for (let i = 0; i < made.data.length; i++) {
    const share = mask.data[maskAt(i)];
    blended.data[i] = made.data[i] * share + kept.data[keptAt(i)] * (1 - share);
  }
  return blended;
}

/** Where the element of `small` lies that goes with element `i` of `large`. */
function placesIn({ shape: [batch, channels] }: Tensor, { shape: [, depth, height, width] }: Tensor): (i: number) => number {
  const size = height * width;
  return (i) => {
    const [row, channel] = [Math.floor(i / (size * depth)), Math.floor(i / size) % depth];
    return ((batch === 1 ? 0 : row) * channels + (channels === 1 ? 0 : channel)) * size + (i % size);
  };
}

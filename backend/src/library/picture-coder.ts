import { concat, rows, type LatentSpace, type Tensor } from '@atelier/sdk';
import type { Vae, VaeHalf } from '../model-families/vae/vae.js';
import { inTiles, type Tiling } from './tiles.js';

/** Runs one half of the VAE, opened if need be, on one picture or tile. */
export type RunHalf = (half: VaeHalf, input: { name: 'latent' | 'image'; value: Tensor }) => Promise<Tensor>;

/** How pictures become latents and latents pictures. */
export interface CodingOptions {
  /** In tiles; as a whole without. */
  tiling?: Tiling | null;
  /** Called before each picture or tile. What it throws ends the work. */
  yieldPoint?: () => void;
}

/** A VAE at work: latents become pixels and pixels latents. Pictures of a batch are computed one after another, in the memory of one. */
export class PictureCoder {
  constructor(
    private readonly vae: Vae,
    private readonly latent: LatentSpace,
    private readonly run: RunHalf,
  ) {}

  /** Latents in the model's scale → [batch, 3, height, width] in [−1, 1]. */
  async decode(latents: Tensor, { tiling, yieldPoint }: CodingOptions = {}): Promise<Tensor> {
    const x = this.vae.scale === 'own' ? toVae(latents, this.latent) : latents;
    const decode = (value: Tensor) => {
      yieldPoint?.();
      return this.run(this.vae.decoder, { name: 'latent', value });
    };
    return await (tiling ? inTiles(x, tiling, { input: 1, output: this.latent.downscale }, decode) : eachPicture(x, decode));
  }

  /** [batch, 3, height, width] in [−1, 1] → the mean of the latents, in the model's scale. */
  async encode(images: Tensor, { tiling, yieldPoint }: CodingOptions = {}): Promise<Tensor> {
    const encode = (value: Tensor) => {
      yieldPoint?.();
      return this.run(this.vae.encoder, { name: 'image', value });
    };
    const mean = await (tiling
      ? inTiles(images, tiling, { input: this.latent.downscale, output: 1 }, encode)
      : eachPicture(images, encode));
    return this.vae.scale === 'own' ? fromVae(mean, this.latent) : mean;
  }
}

async function eachPicture(x: Tensor, compute: (picture: Tensor) => Promise<Tensor>): Promise<Tensor> {
  const pictures: Tensor[] = [];
  for (let picture = 0; picture < x.shape[0]; picture++) pictures.push(await compute(rows(x, picture, picture + 1)));
  return concat(pictures);
}

/** The latent as the VAE knows it. */
function toVae({ shape, data }: Tensor, { scale, shift }: LatentSpace): Tensor {
  const [scales, shifts] = perChannel(shape, scale, shift);
  return { shape, data: data.map((value, i) => value / scales(i) + shifts(i)) as Float32Array };
}

/** The latent as the model knows it. */
function fromVae({ shape, data }: Tensor, { scale, shift }: LatentSpace): Tensor {
  const [scales, shifts] = perChannel(shape, scale, shift);
  return { shape, data: data.map((value, i) => (value - shifts(i)) * scales(i)) as Float32Array };
}

/** Numbers of the channel in which element `i` of [batch, channels, height, width] lies. */
function perChannel([, channels, height, width]: readonly number[], ...numbers: (number | readonly number[])[]): ((i: number) => number)[] {
  const size = height * width;
  return numbers.map((each) => (typeof each === 'number' ? () => each : (i) => each[Math.floor(i / size) % channels]));
}

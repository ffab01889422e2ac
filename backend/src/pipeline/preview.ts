import { rows, type RgbImage } from '@atelier/sdk';
import type { PreviewMethod } from '@atelier/sdk/contracts';
import type { SampleStep } from '../diffusion/sample.js';
import type { OpenModel } from './open-model.js';
import { middleOf } from './preview-colours.js';
import { toImages } from './to-images.js';

/** Shows what the first picture of the batch looks like after a step. */
export type Preview = (step: SampleStep) => Promise<RgbImage>;

/**
 * The way to make previews that was asked for.
 *
 * @throws TinyAutoencoderNotFound when it is `taesd` and the file for this model is not there.
 */
export async function previewBy(method: PreviewMethod, model: OpenModel): Promise<Preview> {
  if (method !== 'taesd') return (step) => previewInColours(step, model);
  const decode = await model.openTinyDecoder();
  return async ({ denoised }) => toImages(await decode(rows(denoised, 0, 1)))[0];
}

/**
 * One pixel a latent cell. The colours are learnt anew a few times in a run, for they change as the picture takes shape; where the VAE
 * would take the model's place, only from finished pictures.
 */
async function previewInColours({ step, steps, denoised }: SampleStep, { colours, decode, keepsNetworks }: OpenModel): Promise<RgbImage> {
  const isTelling = step === 1 || step === Math.ceil(steps / 5) || step === Math.ceil(steps / 2);
  if (isTelling && keepsNetworks) {
    const piece = middleOf(denoised);
    colours.learn(piece, await decode(piece));
  }
  return colours.image(denoised, 0);
}

import { levelOfRatio, noiseRatio, pictureShare, scale, type Denoise, type SamplerInput, type SamplerStep } from '@atelier/sdk';
import { levelAfter } from '../model-sampling.js';

/** Pure noise has no picture to be compared with; such a run starts this share of the training time below it, as in ComfyUI. */
const BELOW_NOISE = 1e-4;

type Steps<Options> = (input: SamplerInput<Options>) => AsyncGenerator<SamplerStep>;

/**
 * Lets a sampler that is written for noise added to the picture run on a flow model too, whose latents mix both: such a latent
 * is `1 − sigma` times one with noise of strength `sigma / (1 − sigma)` added. Other models are sampled as they are.
 */
export function exploding<Options>(steps: Steps<Options>): Steps<Options> {
  return async function* (input) {
    const { model } = input;
    if (model.prediction !== 'flow') {
      yield* steps(input);
      return;
    }
    const highest = levelAfter(model, BELOW_NOISE);
    // rounded as the latent is: so near to 1, the picture's share changes by a thousandth with it
    const start = input.x.data instanceof Float32Array ? Math.fround(highest) : highest;
    const sigmas = input.sigmas.map((sigma) => Math.min(sigma, start));
    const levelOf = (ratio: number) => levelOfRatio(model, ratio);
    const denoise: Denoise = (x, ratio) => input.denoise(scale(x, pictureShare(model, levelOf(ratio))), levelOf(ratio));
    const run = steps({
      ...input,
      x: scale(input.x, 1 / pictureShare(model, sigmas[0])),
      sigmas: sigmas.map((sigma) => noiseRatio(model, sigma)),
      denoise,
      noise: (from, to) => input.noise(levelOf(from), levelOf(to)),
    });
    let done = 0;
    for await (const step of run) {
      const sigma = input.sigmas[done++];
      yield { ...step, x: scale(step.x, pictureShare(model, input.sigmas[done])), sigma };
    }
  };
}

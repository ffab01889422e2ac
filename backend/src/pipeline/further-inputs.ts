import { tensor, type Tensor, type Txt2ImgRequest } from '@atelier/sdk';
import { tilingOf } from '../library/tiles.js';
import type { OpenModel } from './open-model.js';

/**
 * What a model is told beside the latent and the text, one row for each picture of the batch: the strength of distilled guidance, and
 * the channels that inpainting and editing models want, here of a picture that is wholly to be made.
 *
 * @param latentShape [channels, height / 8, width / 8].
 */
export async function furtherInputs(
  { batchSize, width, height, distilledCfgScale, tiledVae }: Txt2ImgRequest,
  model: OpenModel,
  latentShape: readonly number[],
): Promise<Record<string, Tensor>> {
  const { takesGuidance, beside } = model.traits;
  const inputs: Record<string, Tensor> = {};
  if (takesGuidance) inputs.guidance = tensor([batchSize], new Float32Array(batchSize).fill(distilledCfgScale));
  if (beside) {
    const [latentChannels, latentHeight, latentWidth] = latentShape;
    const channels = new Float32Array(beside.channels * latentHeight * latentWidth);
    if (beside.kind === 'inpainting') {
      // as A1111: everything is masked, and what is under the mask is grey
      const maskLength = (beside.channels - latentChannels) * latentHeight * latentWidth;
      channels.fill(1, 0, maskLength);
      const grey = tensor([1, 3, height, width], new Float32Array(3 * width * height));
      channels.set((await model.encode(grey, { tiling: tilingOf(tiledVae, latentHeight, latentWidth) })).data, maskLength);
    }
    const data = new Float32Array(batchSize * channels.length);
    for (let row = 0; row < batchSize; row++) data.set(channels, row * channels.length);
    inputs.beside = tensor([batchSize, beside.channels, latentHeight, latentWidth], data);
  }
  return inputs;
}

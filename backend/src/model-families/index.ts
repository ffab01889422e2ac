/** For extensions that bring a kind of diffusion model, `@atelier/backend/model-families`: how graphs are written, and what families share. */
export { viewOf } from '../checkpoints/weight-view.js';
export { GraphBuilder, type Value } from '../onnx/graph-builder.js';
export { Layer } from './blocks/layer.js';
export { gated, modulated, modulations } from './blocks/modulation.js';
export { imageOfPatches, patches, patchGrid } from './blocks/patches.js';
export { rmsNorm } from './blocks/rms-norm.js';
export { attend, perSample, spatialTransformer, tokenRows } from './blocks/transformer.js';
export { downsample, resBlock, sinusoids, timeEmbedding, upsample, vectorEmbedding } from './blocks/unet-blocks.js';
export { encodingOf, epsNoise, sdLatent } from './model-family.js';
export { fluxLatent } from './flux/family.js';
export { sd3Latent } from './sd3/family.js';
export { sdxlLatent } from './sdxl/family.js';
export { unetConfig } from './unet/config.js';
export { unetGraph } from './unet/unet.js';

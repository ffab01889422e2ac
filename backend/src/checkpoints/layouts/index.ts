import { clipOfTransformers } from './clip-of-transformers.js';
import { diffusersFlux } from './diffusers-flux.js';
import { diffusersSd3 } from './diffusers-sd3.js';
import { diffusersUnet } from './diffusers-unet.js';
import { diffusersVae } from './diffusers-vae.js';
import type { Layout } from './layout.js';
import { openClip } from './open-clip.js';

export type { Layout } from './layout.js';

/** Other namings of a diffusion model; ours are those of the original programs (LDM, Black Forest Labs, Stability). */
export const modelLayouts: readonly Layout[] = [diffusersUnet, diffusersSd3, diffusersFlux];
/** Ours is that of transformers, without its `text_model.` level. */
export const textEncoderLayouts: readonly Layout[] = [openClip, clipOfTransformers];
/** Ours is that of LDM. */
export const vaeLayouts: readonly Layout[] = [diffusersVae];

import { clipOfTransformers } from './clip-of-transformers.js';
import { openClip } from './open-clip.js';
import { diffusersFlux } from './diffusers-flux.js';
import type { Layout } from './layout.js';

export type { Layout } from './layout.js';

/** Other namings of a diffusion model; ours are those of the original programs (LDM, Black Forest Labs, Stability). */
export const modelLayouts: readonly Layout[] = [diffusersFlux];
/** Ours is that of transformers, without its `text_model.` level. */
export const textEncoderLayouts: readonly Layout[] = [openClip, clipOfTransformers];
/** Ours is that of LDM. */
export const vaeLayouts: readonly Layout[] = [];

import type { ModelCall, Tensor } from '@atelier/sdk';
import type { ModelFamily } from '../model-families/model-family.js';

/** A checkpoint whose graphs are open on the device. */
export interface LoadedModel {
  /** Its name in the catalogue. */
  checkpoint: string;
  family: ModelFamily;
  /** 64 hex digits of its file, computed beside the work. */
  sha256: Promise<string>;
  /** Rows of 77 token ids → [rows, 77, width]. */
  encode(ids: readonly Int32Array[]): Promise<Tensor>;
  predict: ModelCall;
  /** Latents in the model's scale → [batch, 3, height, width] in [−1, 1]. */
  decode(latents: Tensor): Promise<Tensor>;
}

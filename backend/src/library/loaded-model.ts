import type { EncodedText, ModelCall, ModelFamily, ModelTraits, Tensor, TextEncoderKind, TextEncoderUse } from '@atelier/sdk';
import type { EmbeddingEntry } from '@atelier/sdk/contracts';
import type { TokenRow } from './encoded-texts.js';
import type { CodingOptions } from './picture-coder.js';
import type { ChosenPrecision } from './precision.js';

/** A checkpoint with everything that it needs, ready to run. Its networks are opened on the device when they are first used. */
export interface LoadedModel {
  /** Its name in the catalogue. */
  checkpoint: string;
  family: ModelFamily;
  traits: ModelTraits;
  /** What computes: reported, never guessed. */
  precision: ChosenPrecision;
  /** Name of the VAE file in use; null when it is the checkpoint's own. */
  vae: string | null;
  /** Names of the text encoder files in use beside the checkpoint's own. */
  textEncoders: readonly string[];
  /** 64 hex digits of its file, which is read from the first call on, beside other work. */
  sha256(): Promise<string>;
  /** Whether there is such a text encoder: one that is optional may be missing. */
  reads(kind: TextEncoderKind): boolean;
  /** The embeddings there are now: those that its text encoders can read, and the others. */
  embeddings(): { fitting: readonly EmbeddingEntry[]; others: readonly EmbeddingEntry[] };
  /** Rows of one length. Several rows may be parts of one text. Embeddings in them have to be fitting ones. */
  encodeText(use: TextEncoderUse, rows: readonly TokenRow[]): Promise<EncodedText>;
  predict: ModelCall;
  /** Whether the VAE can be open beside the diffusion model; if not, each use of it in between closes that. */
  keepsNetworks: boolean;
  /** Whether both branches of guidance go into one call, as memory allows. `latentShape` is that of one branch. */
  branchesTogether(latentShape: readonly number[]): boolean;
  /** Latents in the model's scale → [batch, 3, height, width] in [−1, 1]. */
  decode(latents: Tensor, options?: CodingOptions): Promise<Tensor>;
  /** [batch, 3, height, width] in [−1, 1] → the mean of the latents, in the model's scale. */
  encode(images: Tensor, options?: CodingOptions): Promise<Tensor>;
  /**
   * A quick and rough `decode` for previews, by the tiny autoencoder that goes with the family.
   *
   * @throws TinyAutoencoderNotFound
   */
  openTinyDecoder(): Promise<(latents: Tensor) => Promise<Tensor>>;
}

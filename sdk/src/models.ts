import type { DeviceGraph } from './contracts/device-link.js';
import type { Condition } from './hooks.js';
import type { NoiseModel } from './sampling.js';
import type { Tensor } from './tensor/index.js';

/** Bits of one element of each type that a `.safetensors` file may hold. */
// prettier-ignore
export const elementBits = {
  BOOL: 8, F4: 4, F6_E2M3: 6, F6_E3M2: 6, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8,
  I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32, C64: 64, F64: 64, I64: 64, U64: 64,
} as const;
export type StoredType = keyof typeof elementBits;

/** One tensor of a file and where its bytes lie. */
export interface StoredTensor {
  /** As the file calls it. */
  name: string;
  /** Absolute, with links resolved. */
  file: string;
  type: StoredType;
  shape: readonly number[];
  /** Bytes from the start of the file. */
  offset: number;
  length: number;
  /** Rows that lie in several places, one part below the other, where a layout keeps apart what another joins; `offset` and `length` then mean nothing. */
  parts?: readonly StoredTensor[];
  /** One number by which what is stored has to be multiplied: weights in 8 bits may have one. */
  factor?: StoredTensor;
}

export type StoredTensors = ReadonlyMap<string, StoredTensor>;

/** A copy of a layer's weight in whole numbers of 8 bits, for sums of such numbers. */
export interface QuantisedWeight {
  /** I8 [in, out]; of a convolution [places of the kernel · in, out], the places row by row. */
  values: StoredTensor;
  /** F32 [out]: the size of one, output by output. */
  steps: StoredTensor;
}

/** Output rows `from` to `to` (exclusive) of a layer's weight, as the layer multiplies with them. */
export interface WeightRows {
  /** The weight's name in its component. */
  name: string;
  weight: StoredTensor;
  from: number;
  to: number;
}

/** One network of a checkpoint: its tensors, under the names of the layout that the graphs are written for, without prefix. */
export interface Component {
  /** The file or folder it is from, for messages. */
  file: string;
  tensors: StoredTensors;
  /** Asked by each linear layer and convolution; undefined where it is to multiply with the weight as it is stored. */
  quantised?(rows: WeightRows): QuantisedWeight | undefined;
}

export type TextEncoderKind = 'clip-l' | 'clip-h' | 'clip-g' | 't5';

/** The space in which a family denoises. The model's latent is `(vaeLatent − shift) · scale`, channel by channel. */
export interface LatentSpace {
  channels: number;
  /** Pixels of one side of a latent cell. */
  downscale: number;
  scale: number | readonly number[];
  shift: number | readonly number[];
  /** How the channels look, roughly: red, green and blue of each, in −1 … 1, and what is added to each colour. */
  preview: {
    factors: readonly (readonly [red: number, green: number, blue: number])[];
    bias: readonly [red: number, green: number, blue: number];
  };
  /** The tiny autoencoder that was made for it, as its files are called: `taesd` of `taesd_decoder.safetensors`. */
  tinyAutoencoder?: string;
}

/** How a family reads one of its text encoders. */
export interface TextEncoderUse {
  kind: TextEncoderKind;
  /** Pictures can be made without it, if less well (T5 in SD3). */
  isOptional?: boolean;
  /** Which layer's states are read, counted from the last, which is 1. */
  layer(clipSkip: number): number;
  /** Whether the encoder's final norm follows when that is not its last layer. */
  finalNorm: boolean;
  /** What one vector of the whole text is made from: the state at the end token, as it is or projected. */
  pooled: 'none' | 'plain' | 'projected';
  /** The token that fills what a text leaves free after its end. */
  fill: number;
  /** T5 reads a text as one row of at least so many tokens; CLIP reads rows of 77. */
  leastTokens?: number;
}

/** What some models want beside the latent, as further channels of their input. */
export interface ChannelsBeside {
  kind: 'inpainting' | 'edit' | 'depth' | 'control';
  channels: number;
}

/** What a model is best used with, where its file or its name tells. Offered, never forced. */
export interface Recommended {
  width?: number;
  height?: number;
  steps?: number;
  cfgScale?: number;
  sampler?: string;
  scheduler?: string;
}

/** What there is to know of one diffusion model before it is opened. */
export interface ModelTraits {
  /** What people call this sort of model, e.g. "SDXL inpainting". */
  label: string;
  noise: NoiseModel;
  latent: LatentSpace;
  textEncoders: readonly TextEncoderUse[];
  beside?: ChannelsBeside;
  /** It takes the strength of guidance as an input (Flux dev). */
  takesGuidance: boolean;
  recommended: Recommended;
}

/** Names and shapes of a network, as families look at them to say whether it is theirs. */
export interface WeightView {
  has(name: string): boolean;
  /** Undefined when there is no such tensor. */
  shape(name: string): readonly number[] | undefined;
  /** How many of a numbered series there are, from 0 without a gap. */
  count(nameOf: (index: number) => string): number;
  /** Some name is like that. */
  some(pattern: RegExp): boolean;
}

/** One thing that must be so for a network to be of a family; `says` completes "it …" in messages. */
export interface Requirement {
  says: string;
  holds(model: WeightView): boolean;
}

/** A checkpoint's diffusion model and what lies around it, for the few values that shapes do not tell. */
export interface ModelSource {
  model: Component;
  /** Tensors that belong to no network: markers such as `v_pred`. */
  markers: StoredTensors;
  metadata: ReadonlyMap<string, string>;
  /** The file's name without folder and ending. */
  stem: string;
  /** The values of one tensor as float32. */
  read(tensor: StoredTensor): Promise<Tensor>;
}

/** How a graph is to be written. */
export interface GraphOptions {
  /** What is computed in. */
  arithmetic: 'float32' | 'float16';
  /** Into how many pieces it may be cut, between which a run can be interrupted. */
  mostPieces: number;
}

/** What one text encoder made of some texts. */
export interface EncodedText {
  /** [texts, tokens, width]. */
  hidden: Tensor;
  /** [texts, width], when the family asks for it. */
  pooled?: Tensor;
}

/** What a condition depends on beside the text. */
export interface ConditionContext {
  /** Of the picture, in pixels. */
  width: number;
  height: number;
  /** The texts are negative prompts. */
  isNegative: boolean;
  /** Which of the texts are empty. */
  isEmpty: readonly boolean[];
}

/** A kind of diffusion model: how its files are recognised, what its graph computes and what it wants to be told. */
export interface ModelFamily {
  /** kebab-case. */
  id: string;
  label: string;
  /** All must hold. The first family of which all hold takes the file; of none, the one with most is the nearest. */
  signature: readonly Requirement[];
  traits(source: ModelSource): Promise<ModelTraits>;
  /**
   * Inputs `x` [batch, channels, height, width], `timesteps` [batch], `context` [batch, tokens, width]; `vector` [batch, width], `beside`
   * [batch, channels, height, width] and `guidance` [batch] where the traits say so. Output `prediction`, shaped like `x`.
   *
   * @throws CheckpointIncomplete naming the first tensor that is missing.
   */
  graph(model: Component, options: GraphOptions): DeviceGraph;
  /** Joins what the encoders made of the texts to what the network is told. */
  condition(encoded: ReadonlyMap<TextEncoderKind, EncodedText>, context: ConditionContext): Condition;
}

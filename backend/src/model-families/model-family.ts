import {
  AppError,
  type EncodedText,
  type LatentSpace,
  type ModelSource,
  type NoiseModel,
  type Requirement,
  type TextEncoderKind,
  type WeightView,
} from '@atelier/sdk';
import { FamilyNotBuilt } from '../checkpoints/errors.js';

/** SD's own latent space, with colours measured by many programs alike; SD1 and SD2 share it. */
export const sdLatent: LatentSpace = {
  channels: 4,
  downscale: 8,
  scale: 0.18215,
  shift: 0,
  preview: {
    factors: [
      [0.3512, 0.2297, 0.3227],
      [0.325, 0.4974, 0.235],
      [-0.2829, 0.1762, 0.2721],
      [-0.212, -0.2616, -0.7177],
    ],
    bias: [0, 0, 0],
  },
  tinyAutoencoder: 'taesd',
};

/** What SD1 and most of SDXL were trained on. */
export const epsNoise: NoiseModel = { kind: 'discrete', prediction: 'eps' };
/** Playground 2.5's. */
export const edmNoise: NoiseModel = { kind: 'edm', sigmaData: 0.5, sigmaMin: 0.002, sigmaMax: 80 };

/**
 * What the scheduler in a folder of diffusers says that the model was trained to answer; undefined where none says it.
 *
 * @throws FamilyNotBuilt when it is something else than eps or v.
 */
export function noiseOfScheduler({ model, metadata }: Pick<ModelSource, 'model' | 'metadata'>): NoiseModel | undefined {
  if (metadata.get('scheduler._class_name')?.startsWith('EDM')) return edmNoise;
  const said = metadata.get('scheduler.prediction_type');
  if (said === undefined) return undefined;
  const zeroTerminalSnr = metadata.get('scheduler.rescale_betas_zero_snr') === 'true';
  if (said === 'epsilon') return { kind: 'discrete', prediction: 'eps', zeroTerminalSnr };
  if (said === 'v_prediction') return { kind: 'discrete', prediction: 'v', zeroTerminalSnr };
  throw new FamilyNotBuilt(model.file, `"${said}"-predicting`);
}

/** More than any published UNet has. */
const inputBlocks = Array.from({ length: 16 }, (_, block) => `input_blocks.${block}`);

/** The original layout of a UNet: numbered input and output blocks. */
export const isUnet: Requirement = { says: 'has a UNet', holds: ({ has }) => has('input_blocks.0.0.weight') };

/** Axes of the weight that leads into the transformers: 4 where it is a 1×1 convolution (SD1), 2 where it is a linear layer (all later ones). */
export function projectionAxes({ shape }: WeightView): number {
  return inputBlocks.map((block) => shape(`${block}.1.proj_in.weight`)?.length ?? 0).find((axes) => axes > 0) ?? 0;
}

/** Downsamplings in the UNet: three in four-level models, two in SDXL. */
export function downsamplings({ has }: WeightView): number {
  return inputBlocks.filter((block) => has(`${block}.0.op.weight`)).length;
}

/** A second condition beside the text, added to the time: size and crop in SDXL, an image in unCLIP. */
export const hasLabel = ({ has }: WeightView): boolean => has('label_emb.0.0.weight');

/** Channels that the UNet takes: 4 plain, 9 for inpainting (latent, mask, masked latent), 8 for editing by instruction, 5 with depth. */
export const inputChannels = ({ shape }: WeightView): number => shape('input_blocks.0.0.weight')?.[1] ?? 0;

/** An encoder that the family reads has made nothing: the caller left it out. */
class EncodingMissing extends AppError {
  readonly code = 'encoding-missing';
  override readonly kind = 'internal';
  constructor(kind: TextEncoderKind) {
    super(`The text was not read by ${kind}.`, 'The family declares it among its text encoders.');
  }
}

/** What that encoder made of the texts, which the family cannot do without. */
export function encodingOf(encoded: ReadonlyMap<TextEncoderKind, EncodedText>, kind: TextEncoderKind): EncodedText {
  const encoding = encoded.get(kind);
  if (!encoding) throw new EncodingMissing(kind);
  return encoding;
}

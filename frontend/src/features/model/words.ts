import type { ModelPart } from '@atelier/sdk/contracts';
import { t } from '../../localization/translations.js';
import type { TextEncoderKind } from './model-parts.js';

/** How a part is called within a sentence. */
export function partName(part: ModelPart): string {
  return {
    vae: t('VAE'),
    'clip-l': t('CLIP-L text encoder'),
    'clip-h': t('OpenCLIP-H text encoder'),
    'clip-g': t('OpenCLIP-G text encoder'),
    t5: t('T5 text encoder'),
  }[part];
}

/** How a text encoder is called in front of its field. */
export function encoderLabel(kind: TextEncoderKind): string {
  const name = partName(kind);
  return name[0].toUpperCase() + name.slice(1);
}

/** Where files of that part belong. */
export function folderOf(part: ModelPart): string {
  return part === 'vae' ? 'models/vae' : 'models/text_encoders';
}

import path from 'node:path';
import { AppError } from '@atelier/sdk';
import type { ModelPart } from '@atelier/sdk/contracts';

/** How the parts are called in messages. */
export const partNames: Record<ModelPart, string> = {
  vae: 'VAE',
  'clip-l': 'CLIP-L text encoder',
  'clip-h': 'OpenCLIP-H text encoder',
  'clip-g': 'OpenCLIP-G text encoder',
  t5: 'T5 text encoder',
};

/** A network that the model cannot do without is in none of its files. */
export class PartMissing extends AppError {
  readonly code = 'model-part-missing';
  /** @param choices names of the files that hold such a part. */
  constructor(checkpoint: string, part: ModelPart, choices: readonly string[]) {
    const choice = choices.length > 0 ? `Choose one: ${choices.join(', ')}.` : `Put one into ${folderOf(part)} and choose it.`;
    super(`"${checkpoint}" has no ${partNames[part]} of its own, and none was chosen.`, choice);
  }
}

/** A VAE or text encoder was asked for by a name that no file has. */
export class PartNotFound extends AppError {
  readonly code = 'model-part-not-found';
  override readonly kind = 'not-found';
  constructor(what: string, wanted: string, known: readonly string[], folder: string) {
    const hint = known.length > 0 ? `Known: ${known.join(', ')}.` : `Put it into ${folder}.`;
    super(`No ${what} is called "${wanted}".`, hint);
  }
}

/** What lies beside a checkpoint prefers a VAE that is not there, or of which there are several. */
export class PreferredVaeNotFound extends AppError {
  readonly code = 'preferred-vae-not-found';
  override readonly kind = 'not-found';
  constructor(sidecar: string, wanted: string, count: number) {
    super(
      `"${path.basename(sidecar)}" prefers the VAE "${wanted}", ${count === 0 ? 'which is in none of the folders' : `and ${count} files are called so`}.`,
      'Put it into models/vae, choose another VAE, or change what the file prefers.',
    );
  }
}

/** A file was chosen for a part of the model that it does not hold, or that does not fit. */
export class PartDoesNotFit extends AppError {
  readonly code = 'model-part-does-not-fit';
  constructor(what: string, name: string, reason: string) {
    super(`"${name}" cannot be the ${what}: ${reason}.`, 'Choose another file, or leave the choice out.');
  }
}

/** Where files of that part belong. */
function folderOf(part: ModelPart): string {
  return part === 'vae' ? 'models/vae' : 'models/text_encoders';
}

import path from 'node:path';
import { AppError } from '@atelier/sdk';

/** The file is damaged, cut off, or not what its name says. */
export class CheckpointUnreadable extends AppError {
  readonly code = 'checkpoint-unreadable';
  constructor(
    readonly file: string,
    reason: string,
    options?: { cause?: unknown },
  ) {
    super(`"${path.basename(file)}" cannot be read: ${reason}`, 'The file is damaged or its download broke off. Fetch it again.', options);
  }
}

/** No such file, or it may not be opened. */
export class CheckpointNotOpened extends AppError {
  readonly code = 'checkpoint-not-opened';
  override readonly kind = 'not-found';
  constructor(file: string, cause: NodeJS.ErrnoException) {
    const reason = cause.code === 'ENOENT' ? 'it is not there any more' : `the system says "${cause.code ?? cause.message}"`;
    super(`"${file}" cannot be opened: ${reason}.`, 'Put the file back or give it read permission, or choose another one.', { cause });
  }
}

/** A Python pickle: a program that runs when it is loaded. */
export class CheckpointIsPickle extends AppError {
  readonly code = 'checkpoint-is-pickle';
  constructor(file: string) {
    super(
      `"${path.basename(file)}" is a Python pickle, which can run any program when it is loaded, so it is not opened.`,
      'Use the .safetensors version of this model; most publishers offer one, and it can be converted where the file is trusted.',
    );
  }
}

/** A container that is known and not read yet. */
export class ContainerNotBuilt extends AppError {
  readonly code = 'container-not-built';
  constructor(file: string, container: string) {
    super(
      `"${path.basename(file)}" is a ${container} file, which this version does not read yet.`,
      'Use the .safetensors version of this model.',
    );
  }
}

/** A tensor that the family needs is not in the file, or has another form. */
export class CheckpointIncomplete extends AppError {
  readonly code = 'checkpoint-incomplete';
  constructor(file: string, reason: string) {
    super(
      `"${path.basename(file)}" is not a whole model: ${reason}`,
      'Use the complete checkpoint, with text encoder, UNet and VAE in one file.',
    );
  }
}

/** Weights in an element type that cannot be computed with yet. */
export class WeightTypeNotBuilt extends AppError {
  readonly code = 'weight-type-not-built';
  constructor(file: string, tensor: string, type: string) {
    super(
      `Tensor "${tensor}" of "${path.basename(file)}" is stored as ${type}, which this version does not compute with yet.`,
      'Use a version of the model in F16, BF16 or F32.',
    );
  }
}

/** A diffusion model of a family that is recognised and not built yet. */
export class FamilyNotBuilt extends AppError {
  readonly code = 'family-not-built';
  constructor(file: string, family: string) {
    super(
      `"${path.basename(file)}" is a ${family} model. That family is known, but not built yet.`,
      'Choose a Stable Diffusion 1 checkpoint.',
    );
  }
}

/** A model file that belongs somewhere else than among the checkpoints. */
export class NotACheckpoint extends AppError {
  readonly code = 'not-a-checkpoint';
  constructor(file: string, what: string, folder: string) {
    super(`"${path.basename(file)}" is ${what}, not a checkpoint.`, `Its place is ${folder}.`);
  }
}

/** Nothing in the file's tensor names says what it is. */
export class FamilyUnknown extends AppError {
  readonly code = 'family-unknown';
  constructor(file: string, someNames: readonly string[]) {
    const names =
      someNames.length > 0
        ? ` Its tensors are called ${someNames.map((name) => `"${name}"`).join(', ')} and so on.`
        : ' It holds no tensors.';
    super(`"${path.basename(file)}" is no model that Atelier recognises.${names}`, 'Checkpoints of Stable Diffusion 1 can be used.');
  }
}

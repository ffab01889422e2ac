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
      'The file is cut or its names were changed. Fetch the published checkpoint.',
    );
  }
}

/** Weights in an element type that cannot be computed with yet. */
export class WeightTypeNotBuilt extends AppError {
  readonly code = 'weight-type-not-built';
  constructor(file: string, tensor: string, type: string) {
    super(
      `Tensor "${tensor}" of "${path.basename(file)}" is stored as ${type}, which this version does not compute with yet.`,
      'Use a version of the model in F32, F16, BF16, F8_E4M3 or F8_E5M2.',
    );
  }
}

/** A diffusion model of a kind that is known and cannot be run. */
export class FamilyNotBuilt extends AppError {
  readonly code = 'family-not-built';
  constructor(file: string, label: string) {
    super(
      `"${path.basename(file)}" is a ${label} model. That kind is known, but cannot be run yet.`,
      'Choose another checkpoint, or add an extension that brings this kind of model.',
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

/** Nothing in the file's tensor names and shapes says what it is. */
export class FamilyUnknown extends AppError {
  readonly code = 'family-unknown';
  /**
   * @param names of the tensors that were not understood.
   * @param nearest the family that it is most like, and why it is not of it.
   */
  constructor(file: string, names: readonly string[], nearest?: { label: string; lacks: readonly string[] }) {
    const some = names
      .slice(0, 3)
      .map((name) => `"${name}"`)
      .join(', ');
    const more = names.length > 3 ? ` and ${names.length - 3} more tensors` : '';
    const held = names.length === 0 ? 'It holds no tensors.' : `Not understood: ${some}${more}.`;
    const near = nearest ? ` It is most like ${nearest.label}, but ${nearest.lacks.join(' and ')}.` : '';
    super(
      `"${path.basename(file)}" is no model that Atelier recognises. ${held}${near}`,
      'Checkpoints of the Stable Diffusion and Flux families can be used.',
    );
  }
}

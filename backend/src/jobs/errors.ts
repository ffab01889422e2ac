import { AppError } from '@atelier/sdk';
import type { ErrorReport, JobPhase, RunningTap } from '@atelier/sdk/contracts';

export class JobNotFound extends AppError {
  readonly code = 'job-not-found';
  override readonly kind = 'not-found';
  constructor(id: string) {
    super(`There is no job "${id}".`, 'GET /api/jobs lists the jobs there are.');
  }
}

export class JobAlreadyFinished extends AppError {
  readonly code = 'job-already-finished';
  override readonly kind = 'conflict';
  constructor(id: string, phase: JobPhase) {
    super(`Job "${id}" has ended already: it is ${phase}.`, 'Only a job that waits or runs can be ended.');
  }
}

export class JobNotRunning extends AppError {
  readonly code = 'job-not-running';
  override readonly kind = 'conflict';
  constructor(id: string, phase: JobPhase) {
    super(`Job "${id}" is not running: it is ${phase}.`, 'Wait until it runs, or cancel it.');
  }
}

/** Engines or servers ended each time this job was begun. */
export class JobGivenUp extends AppError {
  readonly code = 'job-given-up';
  override readonly kind = 'internal';
  constructor(id: string, attempts: number) {
    super(
      `Job "${id}" was begun ${attempts} times, and each time the program ended under it.`,
      'Perhaps memory runs out: try a smaller picture or a smaller batch.',
    );
  }
}

/** The ledger's file is there and cannot be opened. It is not replaced: it may hold years of work. */
export class LedgerUnreadable extends AppError {
  readonly code = 'ledger-unreadable';
  override readonly kind = 'conflict';
  constructor(file: string, cause: unknown) {
    super(
      `The job ledger ${file} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Put back a copy, or move the file away to begin with an empty ledger. The pictures themselves lie in the outputs folder.',
      { cause },
    );
  }
}

/** No picture lies beside that checkpoint, or there is no such checkpoint. */
export class PreviewNotFound extends AppError {
  readonly code = 'preview-not-found';
  override readonly kind = 'not-found';
  constructor(checkpoint: string) {
    super(`There is no picture beside a checkpoint "${checkpoint}".`, 'GET /api/catalogue says which checkpoints have a "previewUrl".');
  }
}

export class PictureNotFound extends AppError {
  readonly code = 'picture-not-found';
  override readonly kind = 'not-found';
  constructor(id: string) {
    super(`There is no picture "${id}".`, 'GET /api/pictures lists the pictures there are.');
  }
}

/** The ledger knows the picture, and its file is gone. */
export class PictureFileGone extends AppError {
  readonly code = 'picture-file-gone';
  override readonly kind = 'not-found';
  constructor(file: string, cause: unknown) {
    super(`The file of this picture is gone: ${file}.`, 'It was moved or deleted outside Atelier. The same request makes it again.', {
      cause,
    });
  }
}

/** The engine is not there yet. */
export class EngineStarting extends AppError {
  readonly code = 'engine-starting';
  override readonly kind = 'unavailable';
  constructor(purpose: string) {
    super(`The engine is still starting, so ${purpose} must wait.`, 'Try again in a few seconds. GET /api/status tells when it is ready.');
  }
}

/** The engine did not answer a question in time. It may be busy in an extension's code. */
export class EngineTimeout extends AppError {
  readonly code = 'engine-timeout';
  override readonly kind = 'unavailable';
  constructor(question: string, limitMs: number) {
    super(
      `The engine did not answer "${question}" within ${limitMs / 1000} s.`,
      'Try again; if it stays so, look at the Extensions tab for the one that takes the time.',
    );
  }
}

/** The engine process ended while it was needed: from outside, by a native fault, or by the watchdog. */
export class EngineEnded extends AppError {
  override readonly kind = 'unavailable';
  constructor(
    how: string,
    readonly tap: RunningTap | null,
    readonly code: 'engine-ended' | 'engine-hung' | 'engine-misspoke' = 'engine-ended',
  ) {
    super(
      tap ? `${how} while extension "${tap.extension}" was running in ${tap.hook}.` : `${how}.`,
      tap
        ? `The extension stays off until you switch it on again in the Extensions tab. Everything else goes on.`
        : 'It is being started again; run the job again. If it happens each time, memory may be short: try a smaller picture.',
    );
  }

  protected override reportExtras(): Partial<ErrorReport> {
    return this.tap ? { extension: this.tap.extension, hook: this.tap.hook } : {};
  }
}

/** A request cannot be settled by the catalogue that is known now; a newer one may know better. */
export abstract class NotInCatalogue extends AppError {}

export class SamplerNotFound extends NotInCatalogue {
  readonly code = 'sampler-not-found';
  constructor(wanted: string, known: readonly string[], missing: string) {
    super(`No sampler is called "${wanted}".`, `Known samplers: ${known.join(', ')}.${missing}`);
  }
}

export class SchedulerNotFound extends NotInCatalogue {
  readonly code = 'scheduler-not-found';
  constructor(wanted: string, known: readonly string[], missing: string) {
    super(`No schedule type is called "${wanted}".`, `Known schedule types: ${known.join(', ')}.${missing}`);
  }
}

export class CheckpointNotFound extends NotInCatalogue {
  readonly code = 'checkpoint-not-found';
  constructor(wanted: string, known: readonly string[]) {
    super(
      `No checkpoint is called "${wanted}".`,
      known.length > 0 ? `Known checkpoints: ${known.join(', ')}.` : 'Put a .safetensors file into models/checkpoints.',
    );
  }
}

/** Several checkpoints could be meant, or there is none. */
export class CheckpointNotChosen extends NotInCatalogue {
  readonly code = 'checkpoint-not-chosen';
  constructor(known: readonly string[]) {
    super(
      known.length > 0 ? 'No checkpoint is chosen, and there are several.' : 'There is no checkpoint to make a picture with.',
      known.length > 0
        ? `Name one in "checkpoint", or choose one in the settings: ${known.join(', ')}.`
        : 'Put a .safetensors file into models/checkpoints.',
    );
  }
}

/** The checkpoint is there and cannot be used; its own problem says why. */
export class CheckpointUnusable extends AppError {
  readonly code: string;
  constructor(name: string, problem: ErrorReport) {
    super(`Checkpoint "${name}" cannot be used. ${problem.message}`, problem.hint);
    this.code = problem.code;
  }
}

export class SamplerOptionInvalid extends AppError {
  readonly code = 'sampler-option-invalid';
}

export class ScheduleOptionInvalid extends AppError {
  readonly code = 'schedule-option-invalid';
}

export class TooFewSteps extends AppError {
  readonly code = 'too-few-steps';
  constructor(sampler: string, steps: number, least: number) {
    super(`${sampler} cannot make a picture in ${steps} steps.`, `Ask for ${least} steps or more, or for another sampler.`);
  }
}

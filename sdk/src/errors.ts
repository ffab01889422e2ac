import { z } from 'zod';

/** What sort of trouble it is; each border translates it into its own language (HTTP status, exit code). */
export const ErrorKind = z.enum([
  'invalid', // the request cannot be understood or is out of range
  'unauthorized', // no or wrong credentials
  'forbidden', // understood, and refused
  'not-found',
  'conflict', // not in the present state
  'too-large',
  'unavailable', // not now; later, perhaps
  'internal', // our fault
]);
export type ErrorKind = z.infer<typeof ErrorKind>;

/** An error as it travels between processes and to people. */
export const ErrorReport = z
  .object({
    code: z.string().describe('Stable, kebab-case.'),
    message: z.string().describe('What happened, with the names involved.'),
    hint: z.string().describe('What to do next.'),
    kind: ErrorKind,
    extension: z.string().optional().describe('The extension whose code failed.'),
    hook: z.string().optional().describe('The hook in which it failed.'),
    details: z.string().optional().describe('Causes and stack, for the folded part.'),
  })
  .meta({ id: 'ErrorReport' });
export type ErrorReport = z.infer<typeof ErrorReport>;

/** An error as the API answers it. */
export const ErrorReply = ErrorReport.omit({ kind: true, details: true }).meta({ id: 'ErrorReply' });
export type ErrorReply = z.infer<typeof ErrorReply>;

/** Every error that a person may meet. The class name says what is wrong, the hint what to do next. */
export abstract class AppError extends Error {
  /** Stable, kebab-case. */
  abstract readonly code: string;
  readonly kind: ErrorKind = 'invalid';

  constructor(
    message: string,
    readonly hint: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
  }

  /** Adds to the report what only this class knows. */
  protected reportExtras(): Partial<ErrorReport> {
    return {};
  }

  toReport(): ErrorReport {
    return {
      code: this.code,
      message: this.message,
      hint: this.hint,
      kind: this.kind,
      ...this.reportExtras(),
      details: detailsOf(this),
    };
  }
}

/** An `AppError` that happened in another process, rebuilt from its report. */
export class ReportedError extends AppError {
  readonly code: string;
  override readonly kind: ErrorKind;

  constructor(readonly report: ErrorReport) {
    super(report.message, report.hint);
    this.code = report.code;
    this.kind = report.kind;
  }

  override toReport(): ErrorReport {
    return this.report;
  }
}

/** A model call was ended between two of its pieces, because someone asked for it. */
export class ModelCallInterrupted extends AppError {
  readonly code = 'model-call-interrupted';
  override readonly kind = 'conflict';
  constructor() {
    super('The model call was interrupted.', 'Ask again.');
  }
}

/** Whether a model call failed because it was interrupted, in this process or another. */
export function isInterruption(error: unknown): boolean {
  return error instanceof AppError && error.code === 'model-call-interrupted';
}

/** The report of anything that was thrown. What is not an `AppError` is our fault and says so. */
export function reportOf(error: unknown): ErrorReport {
  if (error instanceof AppError) return error.toReport();
  // an AppError of another copy of this module (an extension that brought its own)
  const parsed = ErrorReport.partial({ kind: true }).safeParse(error);
  if (parsed.success) return { ...parsed.data, kind: parsed.data.kind ?? 'internal', details: detailsOf(error) };
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'internal',
    message: message || 'Something failed without saying why.',
    hint: 'This is a fault in Atelier. The details below belong in a bug report.',
    kind: 'internal',
    details: detailsOf(error),
  };
}

/** Throws: for `map.get(id) ?? fail(new SamplerNotFound(id))`. */
export function fail(error: Error): never {
  throw error;
}

/** The stack and the causes below it, as text. */
function detailsOf(error: unknown): string {
  const lines: string[] = [];
  for (let at: unknown = error; at instanceof Error && lines.length < 8; at = at.cause) lines.push(at.stack ?? String(at));
  return lines.join('\ncaused by: ');
}

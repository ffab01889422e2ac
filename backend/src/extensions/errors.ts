import { AppError, type ErrorKind } from '@atelier/sdk';
import type { z } from 'zod';

const list = (words: readonly string[]): string => (words.length > 0 ? words.join(', ') : 'none');

/** What zod found wrong, as one line: `contributes.tabs.0.icon: Invalid input; id: …`. */
export function issuesOf(error: z.ZodError): string {
  return error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(' ')).join('; ');
}

/** A folder among the extensions that nobody can load. */
export class NotAnExtension extends AppError {
  readonly code = 'not-an-extension';
  constructor(folder: string) {
    super(
      `${folder} has no extension.json, and no extension says that it can load it.`,
      'Atelier’s own extensions have an extension.json at the top of their folder. If it was unpacked one folder too deep, move it up.',
    );
  }
}

export class ManifestInvalid extends AppError {
  readonly code = 'manifest-invalid';
  constructor(file: string, problem: string, options?: { cause?: unknown }) {
    super(`${file} is not a valid manifest: ${problem}.`, 'codex/writing-extensions.md lists what may stand in it.', options);
  }
}

export class SdkTooDifferent extends AppError {
  readonly code = 'sdk-too-different';
  constructor(id: string, wanted: string, present: string) {
    super(
      `Extension "${id}" was written for sdk ${wanted}, and this is ${present}.`,
      'Get a version of the extension, or of Atelier, that fits the other.',
    );
  }
}

/** Something in an extension's folder that we do not read. */
export class FolderRefused extends AppError {
  readonly code = 'folder-refused';
}

export class IdTaken extends AppError {
  readonly code = 'id-taken';
  override readonly kind = 'conflict';
  constructor(id: string, folder: string) {
    super(
      `There is an extension "${id}" already, in ${folder}.`,
      'Rename this one’s folder and the id in its extension.json, or remove one of them.',
    );
  }
}

export class RequirementMissing extends AppError {
  readonly code = 'requirement-missing';
  constructor(id: string, required: string, why: string) {
    super(`Extension "${id}" requires "${required}", which ${why}.`, `Install "${required}", or get it to run, then reload "${id}".`);
  }
}

export class CompileFailed extends AppError {
  readonly code = 'compile-failed';
  constructor(id: string, problem: string, options?: { cause?: unknown }) {
    super(`Extension "${id}" failed to compile: ${problem}`, 'Its author has to mend the file named there; then press "reload".', options);
  }
}

/** An import that an extension may not make. */
export class ImportRefused extends AppError {
  readonly code = 'import-refused';
  constructor(source: string, importer: string, why: string, hint: string) {
    super(`${importer} imports "${source}", ${why}.`, hint);
  }
}

export class DefinitionInvalid extends AppError {
  readonly code = 'definition-invalid';
  constructor(problem: string) {
    super(`what it exports is not an extension: ${problem}.`, 'Its server file has to end in `export default defineExtension({ … })`.');
  }
}

export class ActivationTooSlow extends AppError {
  readonly code = 'activation-too-slow';
  constructor(seconds: number) {
    super(`activate did not end within ${seconds} s.`, 'Its author has to start long work without waiting for it.');
  }
}

/** Why the `signal` of an extension is aborted, and what its late taps are told. */
export class ExtensionWithdrawn extends AppError {
  readonly code = 'extension-withdrawn';
  override readonly kind = 'unavailable';
  constructor(id: string) {
    super(`Extension "${id}" has been withdrawn.`, 'Code that goes on after activate has to listen to its signal.');
  }
}

export class SwitchedOff extends AppError {
  readonly code = 'switched-off';
  override readonly kind = 'unavailable';
  constructor(id: string) {
    super(`Extension "${id}" is switched off.`, 'Switch it on in the Extensions tab.');
  }
}

export class SafeMode extends AppError {
  readonly code = 'safe-mode';
  override readonly kind = 'unavailable';
  constructor(id: string) {
    super(`Extension "${id}" does not run in safe mode.`, 'Start Atelier without --safe.');
  }
}

export class ExtensionNotFound extends AppError {
  readonly code = 'extension-not-found';
  override readonly kind = 'not-found';
  constructor(wanted: string, known: readonly string[]) {
    super(`No extension is called "${wanted}".`, `Known extensions: ${list(known)}.`);
  }
}

export class ExtensionNotRunning extends AppError {
  readonly code = 'extension-not-running';
  override readonly kind = 'unavailable';
  constructor(id: string, reason: AppError | null) {
    super(`Extension "${id}" is not running${reason ? `: ${reason.message}` : '.'}`, reason?.hint ?? 'Look at it in the Extensions tab.', {
      cause: reason ?? undefined,
    });
  }
}

export class RouteNotFound extends AppError {
  readonly code = 'route-not-found';
  override readonly kind = 'not-found';
  constructor(id: string, route: string, known: readonly string[]) {
    super(`Extension "${id}" has no route "${route}".`, `Its routes: ${list(known)}.`);
  }
}

export class RouteInputInvalid extends AppError {
  readonly code = 'route-input-invalid';
  constructor(id: string, route: string, error: z.ZodError) {
    super(`Route "${route}" of extension "${id}" cannot take this: ${issuesOf(error)}.`, 'The fields named there have to change.');
  }
}

export class RouteOutputInvalid extends AppError {
  readonly code = 'route-output-invalid';
  override readonly kind: ErrorKind = 'internal';
  constructor(error: z.ZodError) {
    super(`it answered something else than it declares: ${issuesOf(error)}.`, 'Its author has to mend the route or its output schema.');
  }
}

export class ExtensionSettingsInvalid extends AppError {
  readonly code = 'extension-settings-invalid';
  constructor(id: string, error: z.ZodError) {
    super(`The settings of extension "${id}" do not fit: ${issuesOf(error)}.`, 'Change its section of the settings.');
  }
}

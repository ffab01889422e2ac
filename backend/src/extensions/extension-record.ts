import path from 'node:path';
import { reportOf, type AppError, type ExtensionLog, type ExtensionManifest } from '@atelier/sdk';
import type { ErrorReport, ExtensionEntry, ExtensionState } from '@atelier/sdk/contracts';
import type { Activation } from './activation.js';
import type { Compiled } from './compile.js';
import { NotAnExtension, RequirementMissing } from './errors.js';

/** The step at which an extension stopped. */
export type Stage = NonNullable<ExtensionEntry['stage']>;

export interface Failure {
  stage: Stage;
  error: AppError;
}

/** How a failure at each step is told. */
const failedTo: Record<Stage, string> = {
  found: 'could not be read',
  checked: 'was refused',
  compiled: 'failed to compile',
  activated: 'failed to start',
  running: 'was withdrawn',
};

/** Faults and warnings kept for the extension's page. */
const KEPT = 20;

/** One folder among the extensions, and how far it has come. */
export class ExtensionRecord {
  /** Where the code lies, when a loader put it elsewhere than into the folder itself. */
  source: string;
  manifest: ExtensionManifest | null = null;
  /** What was compiled of the version that runs. */
  compiled: Compiled | null = null;
  /** What runs. With a failure beside it, it is an older version than the folder holds. */
  activation: Activation | null = null;
  failure: Failure | null = null;
  /** Why it may not run, though nothing is wrong with its code. */
  blocked: AppError | null = null;
  private readonly faults: ErrorReport[] = [];
  private readonly warnings: string[] = [];

  constructor(
    readonly origin: ExtensionEntry['origin'],
    readonly folder: string,
  ) {
    this.source = folder;
  }

  get id(): string {
    return this.manifest?.id ?? path.basename(this.folder);
  }

  get requires(): readonly string[] {
    return this.manifest?.requires ?? [];
  }

  get state(): ExtensionState {
    if (this.activation) return this.failure ? 'stale' : 'active';
    if (this.failure?.error instanceof NotAnExtension) return 'not-an-extension';
    if (this.blocked) return this.blocked instanceof RequirementMissing ? 'failed' : 'disabled';
    return this.failure ? 'failed' : 'found';
  }

  /** Why it does not run as it should. */
  get trouble(): AppError | null {
    return this.activation ? (this.failure?.error ?? null) : (this.blocked ?? this.failure?.error ?? null);
  }

  get stage(): Stage | null {
    if (this.failure) return this.failure.stage;
    return this.state === 'failed' ? 'checked' : null;
  }

  /** One sentence about why it does not run, for the hint of an error about something missing. */
  get story(): string | null {
    const { trouble } = this;
    if (!trouble || this.state === 'not-an-extension') return null;
    if (this.state === 'disabled') return `Extension ${this.id} is switched off: ${trouble.message}`;
    const what = this.state === 'stale' ? 'runs in an older version, because its new one ' : '';
    return `Extension ${this.id} ${what}${failedTo[this.stage ?? 'checked']}: ${trouble.message}`;
  }

  /** Address of its compiled page module. */
  get uiUrl(): string | null {
    if (!this.activation || !this.compiled?.ui) return null;
    return `/extension-files/${this.id}/${this.compiled.hash}/ui.js`;
  }

  addFault(fault: AppError): void {
    this.faults.unshift(reportOf(fault));
    this.faults.splice(KEPT);
  }

  /** The log that its code gets; warnings are shown on its page. */
  logTo(write: (level: 'info' | 'warn', extension: string, message: string) => void): ExtensionLog {
    return {
      info: (message) => write('info', this.id, message),
      warn: (message) => {
        write('warn', this.id, message);
        this.warnings.unshift(message);
        this.warnings.splice(KEPT);
      },
    };
  }

  /** As the catalogue shows it; what is known only outside of the record comes in `more`. */
  entry(more: Pick<ExtensionEntry, 'samplers' | 'schedulers' | 'settingsSchema' | 'timings' | 'notes'>): ExtensionEntry {
    return {
      id: this.id,
      name: this.manifest?.name ?? this.id,
      version: this.manifest?.version ?? '',
      description: this.manifest?.description ?? '',
      origin: this.origin,
      folder: this.folder,
      state: this.state,
      stage: this.stage,
      error: this.trouble && reportOf(this.trouble),
      faults: [...this.faults],
      permissions: this.manifest?.permissions ?? [],
      uiUrl: this.uiUrl,
      routes: this.activation?.routes ?? [],
      ...more,
      notes: [...more.notes, ...this.warnings],
    };
  }
}

import { AppError, reportOf, type ErrorKind, type ErrorReport } from '@atelier/sdk';

/** An error in an extension's code, with the extension and the place named. */
export class ExtensionFault extends AppError {
  readonly code = 'extension-fault';
  override readonly kind: ErrorKind;

  /** @param hook the hook, or another place where an extension's code runs: "activate", "route recent", "sampler ralston". */
  constructor(
    readonly extension: string,
    readonly hook: string,
    cause: unknown,
  ) {
    const { message, hint, kind, code } = reportOf(cause);
    super(
      `Extension "${extension}" failed in ${hook}: ${message}`,
      code === 'internal' ? `Switch "${extension}" off in the Extensions tab, or tell its author.` : hint,
      { cause },
    );
    this.kind = kind;
  }

  protected override reportExtras(): Partial<ErrorReport> {
    return { extension: this.extension, hook: this.hook };
  }
}

/** A tap of a `transform…` or `wrap…` hook that gave nothing to go on with. */
export class TapReturnedNothing extends AppError {
  readonly code = 'tap-returned-nothing';
  constructor() {
    super('the tap returned nothing; return the value unchanged when there is nothing to do.', 'Its author has to add a return.');
  }
}

/** A tap of a hook that does not wait, which returned a promise: what it does later would come too late. */
export class TapCannotWait extends AppError {
  readonly code = 'tap-cannot-wait';
  constructor() {
    super('the tap returned a promise, and this hook does not wait.', 'Its author has to do the waiting in activate.');
  }
}

/** A tap of a `wrap…` hook that returned something that cannot be called. */
export class TapReturnedNoFunction extends AppError {
  readonly code = 'tap-returned-no-function';
  constructor(returned: unknown) {
    super(
      `the tap returned ${returned === null ? 'null' : `a ${typeof returned}`}, not a function.`,
      'Its author has to return a function.',
    );
  }
}

import { ExtensionFault } from './extension-fault.js';

type Fn = (...args: never[]) => unknown;

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Whose code, in which hook (or other place), for which job. */
export interface Place {
  readonly extension: string;
  readonly hook: string;
  readonly jobId: string | null;
}

/** Told when an extension gets to work, stops working, and fails. */
export interface VisitListener {
  now(): number;
  called(visit: Visit): void;
  began(visit: Visit): void;
  ended(visit: Visit, elapsedMs: number): void;
  failed(visit: Visit, fault: ExtensionFault): void;
}

/**
 * An extension's code at work in one place: watched while it runs, blamed when it throws.
 *
 * Functions of ours that it calls in between are *lent* to it: while they run it is not at work, and what they throw
 * passes through it without becoming its fault. So time and blame are right however deep wrappers are nested.
 */
export class Visit implements Place {
  /** Calls into the extension that have not ended, and calls from it into lent functions that have not ended. */
  private inside = 0;
  private away = 0;
  private startedAt = 0;
  private readonly passing = new Set<unknown>();

  constructor(
    private readonly listener: VisitListener,
    readonly extension: string,
    readonly hook: string,
    readonly jobId: string | null,
  ) {}

  /** Runs the extension's code. What it throws, or its promise is rejected with, becomes an `ExtensionFault`. */
  run<T>(work: () => T): T {
    this.listener.called(this);
    this.move(1, 0);
    const leave = <V>(value: V): V => {
      this.move(-1, 0);
      return value;
    };
    const blame = (thrown: unknown): never => {
      this.move(-1, 0);
      if (this.passing.has(thrown)) throw thrown;
      const fault = new ExtensionFault(this.extension, this.hook, thrown);
      this.listener.failed(this, fault);
      throw fault;
    };
    return settle(work, leave, blame);
  }

  /** One of our functions, made ready to be called by the extension. */
  lend<F extends Fn>(ours: F): F {
    const back = <V>(value: V): V => {
      this.move(0, -1);
      return value;
    };
    const letPass = (thrown: unknown): never => {
      this.move(0, -1);
      this.passing.add(thrown);
      throw thrown;
    };
    return ((...args) => {
      this.move(0, 1);
      return settle(() => ours(...args), back, letPass);
    }) as F;
  }

  private get isAtWork(): boolean {
    return this.inside > this.away;
  }

  private move(inside: number, away: number): void {
    const was = this.isAtWork;
    this.inside += inside;
    this.away += away;
    if (this.isAtWork === was) return;
    const now = this.listener.now();
    if (was) this.listener.ended(this, now - this.startedAt);
    else {
      this.startedAt = now;
      this.listener.began(this);
    }
  }
}

/** Calls `work` and goes on with its outcome: at once, or when its promise is settled. */
function settle<T>(work: () => T, onValue: <V>(value: V) => V, onThrow: (thrown: unknown) => never): T {
  let result: T;
  try {
    result = work();
  } catch (thrown) {
    return onThrow(thrown);
  }
  return isPromise(result) ? (result.then(onValue, onThrow) as T) : onValue(result);
}

import { AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook, SyncHook, SyncWaterfallHook } from 'tapable';
import type { HookName, HookTable, TapFn, TapOptions } from '@atelier/sdk';
import { ExtensionFault, TapCannotWait, TapReturnedNoFunction, TapReturnedNothing } from './extension-fault.js';
import { kindOf, type HookKind } from './hook-names.js';
import type { Collector } from './registry.js';
import type { TapLog } from './tap-log.js';
import { inOrder, openAnchors, type OpenAnchor, type Placed } from './tap-order.js';
import { toldOf } from './told.js';
import { isPromise } from './visit.js';

/** How we call a hook, from its name and its entry in the table. */
export type CallFn<Name, H> = Name extends `resolve${string}`
  ? H extends { question: infer Q; answer: infer A }
    ? (question: Q) => Promise<A | undefined>
    : never
  : Name extends `transform${string}`
    ? H extends { value: infer V; context: infer C }
      ? (value: V, context: C) => Promise<V>
      : never
    : Name extends `wrap${string}`
      ? H extends { inner: infer F; context: infer C }
        ? (inner: F, context: C) => F
        : never
      : Name extends `on${string}`
        ? H extends { event: infer E }
          ? (event: E) => Promise<void>
          : never
        : Name extends `collect${string}`
          ? (collector: Collector<never>) => void
          : never;

type Call = (...args: unknown[]) => unknown;

interface OwnedTap extends Placed {
  readonly fn: Call;
}

/**
 * One place where extensions can act. All that tapable lacks or does quietly is closed here: every tap has an owner, an
 * order that holds and a guard around it that knows whose time and whose fault it is, and can be taken away again.
 */
export class HookPoint<Name extends HookName> {
  private taps: readonly OwnedTap[] = [];

  /** Asks the taps. Without any it returns at once what came in. */
  call: CallFn<Name, HookTable[Name]>;

  constructor(
    readonly name: Name,
    private readonly log: TapLog,
  ) {
    this.call = this.rebuilt();
  }

  /**
   * Adds a tap until it is disposed.
   *
   * @param rank position of the extension among all, which decides where stage, before and after do not.
   * @throws HookOrderCycle when its place contradicts that of others; nothing is added then.
   */
  tap(extension: string, fn: TapFn<Name, HookTable[Name]>, options: TapOptions = {}, rank = 0): Disposable {
    const added: OwnedTap = { extension, fn: fn as Call, options, rank };
    this.replace([...this.taps, added]);
    return { [Symbol.dispose]: () => this.replace(this.taps.filter((tap) => tap !== added)) };
  }

  /** Owners of the taps, in the order they run. */
  owners(): string[] {
    return this.taps.map((tap) => tap.extension);
  }

  openAnchors(): OpenAnchor[] {
    return openAnchors(this.name, this.taps);
  }

  private replace(taps: readonly OwnedTap[]): void {
    this.taps = inOrder(this.name, taps);
    this.call = this.rebuilt();
  }

  /** tapable can only add, so each change makes a new hook from our list. */
  private rebuilt(): CallFn<Name, HookTable[Name]> {
    return (this.taps.length === 0 ? untapped : tapped)[kindOf(this.name)](this.taps, this.name, this.log) as CallFn<Name, HookTable[Name]>;
  }
}

type Build = (taps: readonly OwnedTap[], hook: HookName, log: TapLog) => Call;

const nothing = Promise.resolve(undefined);

/** What a call is when nobody listens: next to free. */
const untapped: Record<HookKind, Build> = {
  collect: () => () => undefined,
  resolve: () => () => nothing,
  transform: () => (value) => Promise.resolve(value),
  wrap: () => (inner) => inner,
  on: () => () => nothing,
};

/** Each kind over the tapable hook with its rule. Hooks that wait are registered as promises only, so none travels as a value. */
const tapped: Record<HookKind, Build> = {
  collect(taps, name, log) {
    const hook = new SyncHook<[Collector<unknown>]>(['collector'], name);
    for (const { extension, fn } of taps) {
      hook.tap(extension, (collector) => {
        const registry = collector.open(extension);
        try {
          log.visit(extension, name).run(() => atOnce(fn(registry)));
          collector.keep(registry.items);
        } catch (fault) {
          collector.reject(fault as ExtensionFault); // whoever collects withdraws the extension
        } finally {
          registry.close();
        }
      });
    }
    return (collector) => hook.call(collector as Collector<unknown>);
  },

  resolve(taps, name, log) {
    const hook = new AsyncSeriesBailHook<[unknown], unknown>(['question'], name);
    for (const { extension, fn } of taps)
      hook.tapPromise(extension, (question) => log.visit(extension, name).run(async () => fn(question)));
    return (question) => hook.promise(question);
  },

  transform(taps, name, log) {
    const hook = new AsyncSeriesWaterfallHook<[unknown, unknown]>(['value', 'context'], name);
    for (const { extension, fn } of taps) {
      hook.tapPromise(extension, (value, context) => log.visit(extension, name).run(async () => something(await fn(value, context))));
    }
    return (value, context) => hook.promise(value, context);
  },

  wrap(taps, name, log) {
    const hook = new SyncWaterfallHook<[Call, unknown]>(['inner', 'context'], name);
    for (const { extension, fn } of taps) {
      hook.tap(extension, (inner, context) => {
        const visit = log.visit(extension, name);
        const lent = visit.lend(inner);
        const outer = visit.run(() => callable(atOnce(something(fn(lent, context)))));
        if (outer === lent) return inner; // it had nothing to do
        // what it returned is its code too
        return (...args) => visit.run(() => later(outer(...args)));
      });
    }
    return (inner, context) => hook.call(inner as Call, context);
  },

  on(taps, name, log) {
    const hook = new AsyncSeriesHook<[unknown]>(['event'], name);
    for (const { extension, fn } of taps) {
      hook.tapPromise(extension, async (event) => {
        try {
          await log.visit(extension, name).run(async () => fn(toldOf(event)));
        } catch (fault) {
          if (!(fault instanceof ExtensionFault)) throw fault; // noted already; the others are still told
        }
      });
    }
    return (event) => hook.promise(event);
  },
};

function something<T>(value: T): T {
  if (value === undefined) throw new TapReturnedNothing();
  return value;
}

/** A value that is there, now or when its promise is kept. */
function later(value: unknown): unknown {
  return isPromise(value) ? value.then(something) : something(value);
}

function atOnce<T>(value: T): T {
  if (!isPromise(value)) return value;
  value.then(undefined, () => {}); // it is refused whatever becomes of it; a rejection nobody awaits would end the process
  throw new TapCannotWait();
}

function callable(value: unknown): Call {
  if (typeof value !== 'function') throw new TapReturnedNoFunction(value);
  return value as Call;
}

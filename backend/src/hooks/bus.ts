import type { HookName, Hooks, HookTable, Registry, TapOptions } from '@atelier/sdk';
import type { HookTiming } from '@atelier/sdk/contracts';
import { hookNames, kindOf } from './hook-names.js';
import { HookPoint } from './hook-point.js';
import { Collector, type Collection } from './registry.js';
import { TapLog, type FaultNotice, type JobLog, type PendingTap, type TapLogOptions } from './tap-log.js';
import type { OpenAnchor } from './tap-order.js';
import type { Visit } from './visit.js';

type ItemOf<Name extends HookName> = HookTable[Name] extends { registry: Registry<infer Item> } ? Item : never;

/** A `collect…` hook: asked anew each time, so a withdrawn extension's things are gone with its taps. */
class CollectPoint<Name extends HookName> extends HookPoint<Name> {
  /**
   * Everything there is, beginning with what the core brings itself.
   *
   * @param check throws when an item is not what it should be; that is the fault of whoever adds it.
   */
  collect(core: readonly ItemOf<Name>[] = [], check: (item: ItemOf<Name>) => void = () => {}): Collection<ItemOf<Name>> {
    const collector = new Collector<ItemOf<Name>>(namesOf, core, check);
    (this.call as (collector: unknown) => void)(collector);
    return collector.finish();
  }
}

/** Names a thing answers to, its id first. What has no id (a settings section) goes by its extension. */
function namesOf(item: unknown, extension: string | null): [string, ...string[]] {
  const { id, label, aliases } = item as { id?: string; label?: string; aliases?: readonly string[] };
  if (id === undefined) return [extension ?? 'atelier'];
  return aliases && label !== undefined ? [id, label, ...aliases] : [id];
}

export type PointOf<Name extends HookName> = Name extends `collect${string}` ? CollectPoint<Name> : HookPoint<Name>;
export type Points = { readonly [Name in HookName]: PointOf<Name> };

/** All places where extensions can act, and the log of what they do there. */
export class Bus {
  private readonly log: TapLog;
  private readonly ranks = new Map<string, number>();
  readonly points: Points;

  constructor(options: TapLogOptions) {
    this.log = new TapLog(options);
    this.points = Object.fromEntries(
      hookNames.map((name) => [name, kindOf(name) === 'collect' ? new CollectPoint(name, this.log) : new HookPoint(name, this.log)]),
    ) as unknown as Points;
  }

  /**
   * The hooks as one extension sees them. What it taps is put into `owned`, to be disposed when it goes; once `signal` is
   * aborted it cannot tap any more.
   */
  scoped(extension: string, owned: Disposable[], signal?: AbortSignal): Hooks {
    const rank = this.rankOf(extension);
    return Object.fromEntries(
      hookNames.map((name) => {
        const point = this.points[name] as HookPoint<typeof name>;
        const tap = (fn: never, options?: TapOptions): Disposable => {
          signal?.throwIfAborted();
          const handle = point.tap(extension, fn, options, rank);
          owned.push(handle);
          return handle;
        };
        return [name, { tap }];
      }),
    ) as unknown as Hooks;
  }

  /** For an extension's code outside of hooks (`activate`, routes, samplers): watched and blamed like a tap. */
  visit(extension: string, place: string): Visit {
    return this.log.visit(extension, place);
  }

  /** A job's own log: what runs inside `log.run(…)` is done for the job. */
  openJob(jobId: string): JobLog {
    return this.log.openJob(jobId);
  }

  /** What extensions cost since they were activated. */
  timings(): HookTiming[] {
    return this.log.timings();
  }

  /** Starts an extension's timings anew. */
  forget(extension: string): void {
    this.log.forget(extension);
  }

  /** Extension code that was started and has not ended. */
  pending(): PendingTap[] {
    return this.log.pending();
  }

  /** Every fault of every extension. Those that are only `noted` reach nobody else. */
  onFault(listener: (notice: FaultNotice) => void): Disposable {
    return this.log.onFault(listener);
  }

  /** Ids named in `before` or `after` that decide nothing at present. */
  openAnchors(): OpenAnchor[] {
    return hookNames.flatMap((name) => this.points[name].openAnchors());
  }

  /** Position among all extensions seen so far; a reload keeps it, so pictures do not change by a reload. */
  private rankOf(extension: string): number {
    const rank = this.ranks.get(extension) ?? this.ranks.size;
    this.ranks.set(extension, rank);
    return rank;
  }
}

export function createBus(options: TapLogOptions = {}): Bus {
  return new Bus(options);
}

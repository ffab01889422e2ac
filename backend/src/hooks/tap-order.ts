import { AppError, type HookName, type TapOptions } from '@atelier/sdk';

/** What decides a tap's place. */
export interface Placed {
  readonly extension: string;
  readonly options: TapOptions;
  /** Position of its extension among all that were ever activated. A reload does not change it. */
  readonly rank: number;
}

/** Wishes about order that no order can satisfy. */
export class HookOrderCycle extends AppError {
  readonly code = 'hook-order-cycle';
  override readonly kind = 'conflict';
  constructor(
    readonly hook: HookName,
    readonly extensions: readonly string[],
  ) {
    super(
      `The taps of ${hook} ask for an order that does not exist: ${extensions.map((id) => `"${id}"`).join(' before ')}.`,
      'One of these extensions has to change its stage, before or after; until then, switch one of them off.',
    );
  }
}

const stages = { early: 0, normal: 1, late: 2 } as const;
const stageOf = (tap: Placed): number => stages[tap.options.stage ?? 'normal'];

/** Whether `a` has to run before `b`: by stage, or because one of them says so. */
function mustPrecede(a: Placed, b: Placed): boolean {
  if (a.extension === b.extension) return stageOf(a) < stageOf(b);
  return stageOf(a) < stageOf(b) || (a.options.before?.includes(b.extension) ?? false) || (b.options.after?.includes(a.extension) ?? false);
}

/**
 * Taps in the order they run: by stage, then by `before` and `after`, then by activation, then as they came.
 *
 * @throws HookOrderCycle when the wishes contradict each other or the stages.
 */
export function inOrder<T extends Placed>(hook: HookName, taps: readonly T[]): T[] {
  const waiting = taps.toSorted((a, b) => stageOf(a) - stageOf(b) || a.rank - b.rank);
  const ordered: T[] = [];
  while (waiting.length > 0) {
    const next = waiting.findIndex((tap) => !waiting.some((other) => other !== tap && mustPrecede(other, tap)));
    if (next < 0) throw new HookOrderCycle(hook, cycleIn(waiting));
    ordered.push(...waiting.splice(next, 1));
  }
  return ordered;
}

/** Owners of taps that wait for each other in a ring, the first one named again at the end. Every tap given waits for another. */
function cycleIn(waiting: readonly Placed[]): string[] {
  const path: Placed[] = [waiting[0]];
  for (;;) {
    const earlier = waiting.find((other) => other !== path[0] && mustPrecede(other, path[0]))!;
    const seen = path.indexOf(earlier);
    path.unshift(earlier);
    if (seen >= 0) return path.slice(0, seen + 2).map((tap) => tap.extension);
  }
}

/** An id in `before` or `after` that owns no tap of the hook, so that it decides nothing. */
export interface OpenAnchor {
  extension: string;
  hook: HookName;
  anchor: string;
}

export function openAnchors(hook: HookName, taps: readonly Placed[]): OpenAnchor[] {
  const owners = new Set(taps.map((tap) => tap.extension));
  return taps.flatMap(({ extension, options }) =>
    [...(options.before ?? []), ...(options.after ?? [])]
      .filter((anchor) => !owners.has(anchor))
      .map((anchor) => ({ extension, hook, anchor })),
  );
}

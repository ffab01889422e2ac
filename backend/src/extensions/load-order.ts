/** Something that has to come after those it requires. */
interface Requiring {
  readonly id: string;
  readonly requires: readonly string[];
}

/**
 * Sorted so that each comes after those it requires, else by id. What requires itself in a ring comes last, by id; such
 * extensions wait for each other in vain, and say so.
 */
export function byRequirement<T extends Requiring>(items: readonly T[]): T[] {
  const waiting = items.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const ordered: T[] = [];
  while (waiting.length > 0) {
    const ids = new Set(waiting.map((item) => item.id));
    const next = waiting.findIndex((item) => !item.requires.some((required) => required !== item.id && ids.has(required)));
    ordered.push(...waiting.splice(Math.max(next, 0), 1));
  }
  return ordered;
}

/** What two neighbouring tokens become when merged, by `pairKey(left, right)`. A lower id was learned earlier and goes first. */
export type Merges = ReadonlyMap<number, number>;

const MAX_TOKENS = 2 ** 16;
/** Positions fit below this, so that a token id and a position share one exact number. */
const MAX_LENGTH = 2 ** 32;
const GONE = -1;

export function pairKey(left: number, right: number): number {
  return left * MAX_TOKENS + right;
}

/** The two tokens of a `pairKey`. */
export function splitPairKey(key: number): [left: number, right: number] {
  return [Math.floor(key / MAX_TOKENS), key % MAX_TOKENS];
}

/**
 * Merges neighbours, the earliest learned pair first and of equal ones the leftmost, until no pair is known. The pairs
 * wait in a heap, so a word of n letters takes n log n steps: a prompt may be one endless word.
 */
export function mergePairs(tokens: readonly number[], merges: Merges): number[] {
  const ids = [...tokens];
  const right = ids.map((_, at) => at + 1);
  const left = ids.map((_, at) => at - 1);
  const waiting = new MinHeap();

  const mergedAt = (at: number) => (at >= 0 && right[at] < ids.length ? merges.get(pairKey(ids[at], ids[right[at]])) : undefined);
  const consider = (at: number) => {
    const merged = mergedAt(at);
    if (merged !== undefined) waiting.push(merged * MAX_LENGTH + at);
  };

  for (let at = 0; at < ids.length; at++) consider(at);
  for (let best = waiting.pop(); best !== undefined; best = waiting.pop()) {
    const at = best % MAX_LENGTH;
    const merged = Math.floor(best / MAX_LENGTH);
    if (ids[at] === GONE || mergedAt(at) !== merged) continue; // a neighbour was merged in the meantime
    const absorbed = right[at];
    ids[at] = merged;
    ids[absorbed] = GONE;
    right[at] = right[absorbed];
    if (right[at] < ids.length) left[right[at]] = at;
    consider(left[at]);
    consider(at);
  }
  return ids.filter((id) => id !== GONE);
}

/** A binary heap of numbers: `pop` takes the smallest. */
class MinHeap {
  private readonly items: number[] = [];

  push(item: number): void {
    const { items } = this;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent] <= item) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = item;
  }

  pop(): number | undefined {
    const { items } = this;
    const smallest = items[0];
    const item = items.pop();
    if (item === undefined || items.length === 0) return item;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && items[child + 1] < items[child]) child++;
      if (items[child] >= item) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = item;
    return smallest;
  }
}

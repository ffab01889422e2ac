import type { StoredTensor, StoredTensors } from '@atelier/sdk';
import { rowsOf, stacked } from './layout.js';

/** What a layer may have. */
const KINDS = ['weight', 'bias'];

/** A network on its way from another program's names to ours, layer by layer. What nobody asks for keeps its name. */
export class Renaming {
  private readonly renamed = new Map<string, StoredTensor>();
  private readonly taken = new Set<string>();

  constructor(private readonly tensors: StoredTensors) {}

  /** The tensors of layer `theirs` become those of layer `ours`; one that is not there is missed by whoever needs it. */
  take(theirs: string, ours: string): void {
    for (const kind of KINDS) {
      const stored = this.tensors.get(`${theirs}.${kind}`);
      if (stored) this.give(`${ours}.${kind}`, stored, `${theirs}.${kind}`);
    }
  }

  /** One tensor. */
  takeTensor(theirs: string, ours: string): void {
    const stored = this.tensors.get(theirs);
    if (stored) this.give(ours, stored, theirs);
  }

  /** Layers that lie apart become one, their rows one below the other. */
  join(theirs: readonly string[], ours: string): void {
    for (const kind of KINDS) {
      const names = theirs.map((name) => `${name}.${kind}`);
      const parts = names.map((name) => this.tensors.get(name)).filter((part) => part !== undefined);
      if (parts.length === names.length) this.give(`${ours}.${kind}`, stacked(`${ours}.${kind}`, parts), ...names);
    }
  }

  /** As `take`, with the lower half of the rows above the upper one: where one program has scale before shift and the other shift before scale. */
  takeWithHalvesSwapped(theirs: string, ours: string): void {
    for (const kind of KINDS) {
      const stored = this.tensors.get(`${theirs}.${kind}`);
      if (!stored) continue;
      const [rows] = stored.shape;
      const halves = [rowsOf(stored, rows / 2, rows), rowsOf(stored, 0, rows / 2)];
      this.give(`${ours}.${kind}`, stacked(`${ours}.${kind}`, halves), `${theirs}.${kind}`);
    }
  }

  finish(): StoredTensors {
    const rest = [...this.tensors].filter(([name]) => !this.taken.has(name));
    return new Map([...this.renamed, ...rest]);
  }

  private give(name: string, stored: StoredTensor, ...from: readonly string[]): void {
    this.renamed.set(name, stored);
    for (const each of from) this.taken.add(each);
  }
}

/** Which numbers a series has: of `down_blocks.0.…`, `down_blocks.1.…` they are 0 and 1. */
export function numbersIn(tensors: StoredTensors, series: string): number[] {
  const own = [...tensors.keys()].filter((name) => name.startsWith(`${series}.`));
  return [...new Set(own.map((name) => parseInt(name.slice(series.length + 1))))].sort((a, b) => a - b);
}

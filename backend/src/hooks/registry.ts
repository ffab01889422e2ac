import { AppError, type Registry } from '@atelier/sdk';
import type { ExtensionFault } from './extension-fault.js';

/** A thing that was added, and by whom; null means the core. */
export interface Collected<T> {
  id: string;
  item: T;
  extension: string | null;
}

/** Everything that the taps of a `collect…` hook added, and the taps that failed; what those added is left out. */
export interface Collection<T> {
  items: readonly Collected<T>[];
  faults: readonly ExtensionFault[];
}

/** Something under a name that something else has. */
export class NameTaken extends AppError {
  readonly code = 'name-taken';
  override readonly kind = 'conflict';
  constructor(name: string, owner: string | null) {
    super(
      `"${name}" is taken by ${owner === null ? 'Atelier itself' : `extension "${owner}"`}.`,
      'Two things cannot have one name: its author has to choose another.',
    );
  }
}

/** Adding after the hook has run: nobody would look again. */
export class RegistryClosed extends AppError {
  readonly code = 'registry-closed';
  constructor() {
    super('something was added after the hook had run.', 'Its author has to add everything before the tap returns.');
  }
}

/** What one tap adds, kept apart until the tap has ended well. */
export class TapRegistry<T> implements Registry<T> {
  readonly items: Collected<T>[] = [];
  private isOpen = true;

  /** @param owners who has each name so far. */
  constructor(
    private readonly extension: string,
    private readonly owners: ReadonlyMap<string, string | null>,
    private readonly namesOf: (item: T, extension: string) => readonly [id: string, ...others: string[]],
    private readonly check: (item: T) => void,
  ) {}

  add(item: T): void {
    if (!this.isOpen) throw new RegistryClosed();
    this.check(item);
    const names = this.namesOf(item, this.extension);
    for (const name of names) {
      if (this.owners.has(name)) throw new NameTaken(name, this.owners.get(name)!);
      if (this.items.some((other) => this.namesOf(other.item, this.extension).includes(name))) throw new NameTaken(name, this.extension);
    }
    this.items.push({ id: names[0], item, extension: this.extension });
  }

  close(): void {
    this.isOpen = false;
  }
}

/** Gathers what the taps add, tap by tap. */
export class Collector<T> {
  private readonly items: Collected<T>[] = [];
  private readonly faults: ExtensionFault[] = [];
  private readonly owners = new Map<string, string | null>();

  constructor(
    private readonly namesOf: (item: T, extension: string | null) => readonly [id: string, ...others: string[]],
    core: readonly T[],
    private readonly check: (item: T) => void,
  ) {
    this.keep(core.map((item) => ({ id: namesOf(item, null)[0], item, extension: null })));
  }

  /** A registry for one tap of an extension. */
  open(extension: string): TapRegistry<T> {
    return new TapRegistry(extension, this.owners, this.namesOf, this.check);
  }

  keep(items: readonly Collected<T>[]): void {
    for (const added of items) {
      this.items.push(added);
      for (const name of this.namesOf(added.item, added.extension)) this.owners.set(name, added.extension);
    }
  }

  reject(fault: ExtensionFault): void {
    this.faults.push(fault);
  }

  /** All that was added, without anything of an extension that failed. */
  finish(): Collection<T> {
    const failed = new Set(this.faults.map((fault) => fault.extension));
    return { items: this.items.filter(({ extension }) => extension === null || !failed.has(extension)), faults: this.faults };
  }
}

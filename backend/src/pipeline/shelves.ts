import { AppError, fail, type Sampler, type Scheduler } from '@atelier/sdk';
import { findByName, type Named } from '@atelier/sdk/contracts';
import type { Collected } from '../hooks/index.js';

/** A sampler was asked for that nobody brought. */
export class SamplerNotFound extends AppError {
  readonly code = 'sampler-not-found';
  override readonly kind = 'not-found';
  constructor(wanted: string, known: readonly string[], missing: readonly string[]) {
    super(`No sampler is called "${wanted}".`, [...missing, `Known samplers: ${known.join(', ')}.`].join(' '));
  }
}

/** A schedule type was asked for that nobody brought. */
export class SchedulerNotFound extends AppError {
  readonly code = 'scheduler-not-found';
  override readonly kind = 'not-found';
  constructor(wanted: string, known: readonly string[], missing: readonly string[]) {
    super(`No schedule type is called "${wanted}".`, [...missing, `Known schedule types: ${known.join(', ')}.`].join(' '));
  }
}

/** The samplers and schedules there are, the core's and those of extensions. */
export class Shelves {
  /** @param missing a sentence for each extension that does not run and may have brought what is asked for. */
  constructor(
    readonly samplers: readonly Collected<Sampler>[],
    readonly schedulers: readonly Collected<Scheduler>[],
    private readonly missing: () => readonly string[] = () => [],
  ) {}

  /** The sampler of exactly that id, label or alias. Never the nearest. */
  sampler(name: string): Sampler {
    return find(this.samplers, name) ?? fail(new SamplerNotFound(name, labels(this.samplers), this.missing()));
  }

  /** The schedule of exactly that id, label or alias. */
  scheduler(name: string): Scheduler {
    return find(this.schedulers, name) ?? fail(new SchedulerNotFound(name, labels(this.schedulers), this.missing()));
  }
}

/** Names are unique over all things: an extension that adds one that is taken is refused. */
function find<T extends Named>(things: readonly Collected<T>[], name: string): T | undefined {
  return findByName(
    things.map(({ item }) => item),
    name,
  );
}

function labels(things: readonly Collected<Named>[]): string[] {
  return things.map(({ item }) => item.label);
}

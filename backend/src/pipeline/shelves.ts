import { AppError, fail, type Sampler, type SamplerStep, type Scheduler } from '@atelier/sdk';
import type { Bus, Collected } from '../hooks/index.js';

/** A sampler was asked for that nobody brought. */
export class SamplerNotFound extends AppError {
  readonly code = 'sampler-not-found';
  override readonly kind = 'not-found';
  constructor(wanted: string, known: readonly string[], missing: string) {
    super(`No sampler is called "${wanted}".`, `${missing}Known samplers: ${known.join(', ')}.`);
  }
}

/** A schedule type was asked for that nobody brought. */
export class SchedulerNotFound extends AppError {
  readonly code = 'scheduler-not-found';
  override readonly kind = 'not-found';
  constructor(wanted: string, known: readonly string[], missing: string) {
    super(`No schedule type is called "${wanted}".`, `${missing}Known schedule types: ${known.join(', ')}.`);
  }
}

/** The samplers and schedules there are, the core's and those of extensions. */
export class Shelves {
  /** @param missing tells of extensions that failed and may have brought what is asked for; "" when none did. */
  constructor(
    private readonly bus: Bus,
    readonly samplers: readonly Collected<Sampler>[],
    readonly schedulers: readonly Collected<Scheduler>[],
    private readonly missing: () => string = () => '',
  ) {}

  /** The sampler of exactly that id, label or alias. Its code is watched when it is an extension's. */
  sampler(name: string): Sampler {
    const found = findNamed(this.samplers, name) ?? fail(new SamplerNotFound(name, labels(this.samplers), this.missing()));
    return found.extension === null ? found.item : watched(found.item, found.extension, this.bus);
  }

  /** The schedule of exactly that id, label or alias. */
  scheduler(name: string): Scheduler {
    const found = findNamed(this.schedulers, name) ?? fail(new SchedulerNotFound(name, labels(this.schedulers), this.missing()));
    return this.watchedScheduler(found);
  }

  /** Every schedule, for a sampler to find its default in. */
  allSchedulers(): Scheduler[] {
    return this.schedulers.map((found) => this.watchedScheduler(found));
  }

  private watchedScheduler({ item, extension }: Collected<Scheduler>): Scheduler {
    if (extension === null) return item;
    return { ...item, levels: (model, stepCount) => this.bus.visit(extension, `scheduler ${item.id}`).run(() => item.levels(model, stepCount)) };
  }
}

interface Named {
  id: string;
  label: string;
  aliases: readonly string[];
}

/** Exactly that name, never the nearest. Names are unique over all things: whoever adds one that is taken is refused. */
function findNamed<T extends Named>(things: readonly Collected<T>[], name: string): Collected<T> | undefined {
  return things.find(({ item }) => item.id === name || item.label === name || item.aliases.includes(name));
}

function labels(things: readonly Collected<Named>[]): string[] {
  return things.map(({ item }) => item.label);
}

/** The sampler with each of its steps timed and blamed on its extension; model calls and noise are lent to it. */
function watched(sampler: Sampler, extension: string, bus: Bus): Sampler {
  return {
    ...sampler,
    async *steps({ denoise, noise, ...input }) {
      const visit = bus.visit(extension, `sampler ${sampler.id}`);
      const steps = sampler.steps({ ...input, denoise: visit.lend(denoise), noise: visit.lend(noise) });
      for (;;) {
        const { done, value } = await visit.run(() => steps.next());
        if (done) return;
        yield value as SamplerStep;
      }
    },
  };
}

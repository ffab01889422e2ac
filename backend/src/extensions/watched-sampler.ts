import type { Sampler, SamplerInput, SamplerStep, Scheduler } from '@atelier/sdk';
import type { Bus, Visit } from '../hooks/index.js';

/** An extension's sampler whose time is measured and whose errors name the extension, step by step. */
export function watchedSampler(bus: Bus, extension: string, sampler: Sampler): Sampler {
  const visit = () => bus.visit(extension, `sampler ${sampler.id}`);
  return {
    ...sampler,
    ...(sampler.sampling && { sampling: (model) => visit().run(() => sampler.sampling!(model)) }),
    ...(sampler.levels && { levels: (...asked) => visit().run(() => sampler.levels!(...asked)) }),
    ...(sampler.startScale && { startScale: (sigma) => visit().run(() => sampler.startScale!(sigma)) }),
    steps: (input) => watchedSteps(visit(), sampler, input),
  };
}

async function* watchedSteps(visit: Visit, sampler: Sampler, input: SamplerInput<Record<string, unknown>>): AsyncGenerator<SamplerStep> {
  const lent = { ...input, denoise: visit.lend(input.denoise), noise: visit.lend(input.noise) };
  const steps = visit.run(() => sampler.steps(lent));
  try {
    for (;;) {
      const step = await visit.run(() => steps.next());
      if (step.done) return;
      yield step.value;
    }
  } finally {
    await visit.run(() => steps.return(undefined)); // a job that ends early lets the sampler tidy up
  }
}

/** The same for a schedule of noise levels. */
export function watchedScheduler(bus: Bus, extension: string, scheduler: Scheduler): Scheduler {
  return {
    ...scheduler,
    levels: (...asked) => bus.visit(extension, `scheduler ${scheduler.id}`).run(() => scheduler.levels(...asked)),
  };
}

import { z, type Sampler, type Scheduler } from '@atelier/sdk';
import type { Catalogue, SamplerEntry, SchedulerEntry } from '@atelier/sdk/contracts';
import { samplingOf } from '../diffusion/model-sampling.js';
import type { ExtensionHost } from '../extensions/extension-host.js';
import type { CheckpointIndex } from '../library/checkpoint-index.js';

/** A model of each prediction, as the families have it: samplers and schedules are asked whether they suit it. */
const models = [
  samplingOf({ kind: 'discrete', prediction: 'eps' }),
  samplingOf({ kind: 'discrete', prediction: 'v' }),
  samplingOf({ kind: 'edm', sigmaData: 0.5, sigmaMin: 0.002, sigmaMax: 80 }),
  samplingOf({ kind: 'flow', shift: 3, multiplier: 1000 }),
];

/** What this engine has to offer, as plain data for the server and the page. */
export function buildCatalogue(extensions: ExtensionHost, index: CheckpointIndex): Catalogue {
  const { samplers, schedulers, tabs } = extensions.nouns();
  return {
    samplers: samplers.map(({ item, extension }) => samplerEntry(item, extension)),
    schedulers: schedulers.map(({ item, extension }) => schedulerEntry(item, extension)),
    checkpoints: index.list(),
    vaes: [...index.vaes],
    textEncoders: [...index.textEncoders],
    embeddings: [...index.embeddings],
    extensions: extensions.entries(),
    tabs: [...tabs],
  };
}

function samplerEntry(sampler: Sampler, extension: string | null): SamplerEntry {
  const { id, label, aliases, callsPerStep, order, minSteps, defaultScheduler, levels } = sampler;
  return {
    id,
    label,
    aliases: [...aliases],
    options: z.toJSONSchema(sampler.options, { io: 'input' }),
    callsPerStep,
    order,
    minSteps,
    defaultScheduler: defaultScheduler ?? null,
    ignoresScheduler: levels !== undefined,
    suits: suitedBy(sampler),
    extension,
  };
}

function schedulerEntry(scheduler: Scheduler, extension: string | null): SchedulerEntry {
  const { id, label, aliases } = scheduler;
  const options = z.toJSONSchema(scheduler.options, { io: 'input' });
  return { id, label, aliases: [...aliases], options, suits: suitedBy(scheduler), extension };
}

function suitedBy(item: Sampler | Scheduler): SamplerEntry['suits'] {
  return models.filter((model) => item.suits?.(model) !== false).map(({ prediction }) => prediction);
}

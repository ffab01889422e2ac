import { z, type Sampler } from '@atelier/sdk';
import type { Catalogue, SamplerEntry, SchedulerEntry } from '@atelier/sdk/contracts';
import type { ExtensionHost } from '../extensions/extension-host.js';
import type { CheckpointIndex } from '../library/checkpoint-index.js';

/** What this engine has to offer, as plain data for the server and the page. */
export function buildCatalogue(extensions: ExtensionHost, index: CheckpointIndex): Catalogue {
  const { samplers, schedulers, tabs } = extensions.nouns();
  return {
    samplers: samplers.map(({ item, extension }) => samplerEntry(item, extension)),
    schedulers: schedulers.map(({ item: { id, label, aliases }, extension }): SchedulerEntry => ({
      id,
      label,
      aliases: [...aliases],
      extension,
    })),
    checkpoints: index.list(),
    vaes: [...index.vaes],
    textEncoders: [...index.textEncoders],
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
    extension,
  };
}

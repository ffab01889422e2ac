import { randomInt } from 'node:crypto';
import { fail, z } from '@atelier/sdk';
import {
  findByName,
  type Catalogue,
  type CheckpointEntry,
  type Named,
  type SamplerEntry,
  type SchedulerEntry,
  type Settings,
  type Txt2ImgRequest,
} from '@atelier/sdk/contracts';
import {
  CheckpointNotChosen,
  CheckpointNotFound,
  CheckpointUnusable,
  SamplerNotFound,
  SamplerOptionInvalid,
  ScheduleOptionInvalid,
  SchedulerNotFound,
  TooFewSteps,
} from './errors.js';

/** Seeds that are drawn lie below this; A1111 draws from the same. */
const DRAWN_SEEDS = 4_294_967_294;

/**
 * A request as the ledger keeps it: every name found in the catalogue and written as its id, the checkpoint and the
 * seed settled, so that the same entry always makes the same pictures.
 * Names are ids, labels or aliases, exactly; nothing is guessed.
 */
export function acceptRequest(request: Txt2ImgRequest, catalogue: Catalogue, settings: Settings): Txt2ImgRequest {
  const sampler =
    findByName(catalogue.samplers, request.sampler) ??
    fail(new SamplerNotFound(request.sampler, labels(catalogue.samplers), missing(catalogue)));
  const scheduler =
    findByName(catalogue.schedulers, request.scheduler) ??
    fail(new SchedulerNotFound(request.scheduler, labels(catalogue.schedulers), missing(catalogue)));
  checkOptions(sampler, request.samplerOptions, SamplerOptionInvalid);
  // Automatic stands for the sampler's own schedule, and takes that one's options
  const standsFor = scheduler.id === 'automatic' && catalogue.schedulers.find(({ id }) => id === sampler.defaultScheduler);
  checkOptions(standsFor || scheduler, request.schedulerOptions, ScheduleOptionInvalid);
  if (request.steps < sampler.minSteps) throw new TooFewSteps(sampler.label, request.steps, sampler.minSteps);
  return {
    ...request,
    sampler: sampler.id,
    scheduler: scheduler.id,
    checkpoint: chooseCheckpoint(catalogue.checkpoints, request.checkpoint ?? settings.checkpoint).name,
    seed: drawn(request.seed),
    variationSeed: request.variationStrength === 0 ? request.variationSeed : drawn(request.variationSeed),
  };
}

/** That seed; for −1, one that is drawn. */
function drawn(seed: number): number {
  return seed === -1 ? randomInt(DRAWN_SEEDS) : seed;
}

function labels(entries: readonly Named[]): string[] {
  return entries.map(({ label }) => label);
}

/** Extensions that would perhaps have brought what was not found. */
function missing({ extensions }: Catalogue): string {
  const failed = extensions.filter(({ state }) => state === 'failed' || state === 'disabled');
  return failed.map(({ id, state, error }) => ` Extension ${id} is ${state}${error ? `: ${error.message}` : '.'}`).join('');
}

function chooseCheckpoint(checkpoints: readonly CheckpointEntry[], wanted: string | null): CheckpointEntry {
  if (wanted !== null) return findCheckpoint(checkpoints, wanted);
  const usable = checkpoints.filter(({ problem }) => problem === null);
  return usable.length === 1 ? usable[0] : fail(new CheckpointNotChosen(usable.map(({ name }) => name)));
}

/** The usable checkpoint of that name; an error with the names there are, or with the reason why it cannot be used. */
export function findCheckpoint(checkpoints: readonly CheckpointEntry[], wanted: string): CheckpointEntry {
  const usable = checkpoints.filter(({ problem }) => problem === null).map(({ name }) => name);
  const found = checkpoints.find(({ name }) => name === wanted) ?? fail(new CheckpointNotFound(wanted, usable));
  if (found.problem) throw new CheckpointUnusable(found.name, found.problem);
  return found;
}

function checkOptions(
  { label, options: schema }: SamplerEntry | SchedulerEntry,
  options: Readonly<Record<string, unknown>>,
  Invalid: typeof SamplerOptionInvalid | typeof ScheduleOptionInvalid,
): void {
  const known = Object.keys((schema.properties as Record<string, unknown> | undefined) ?? {});
  const unknown = Object.keys(options).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Invalid(
      `${label} has no option "${unknown.join('", "')}".`,
      known.length > 0 ? `Its options: ${known.join(', ')}.` : 'It has no options at all.',
    );
  }
  const { error } = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(options);
  if (!error) return;
  const [{ path, message }] = error.issues;
  throw new Invalid(
    `Option ${path.join('.')} of ${label}: ${message}.`,
    `Its options: ${known.join(', ')}. GET /api/catalogue has their ranges.`,
  );
}

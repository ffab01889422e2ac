import { AppError, fail, scale, type ModelSampling, type Sampler, type Scheduler, type Tensor } from '@atelier/sdk';
import { automatic } from './schedulers/automatic.js';

/** The sampler cannot work in so few steps. */
export class TooFewSteps extends AppError {
  readonly code = 'too-few-steps';
  constructor(sampler: Sampler, stepCount: number) {
    super(
      `The sampler "${sampler.label}" needs at least ${sampler.minSteps} steps, not ${stepCount}.`,
      `Ask for ${sampler.minSteps} steps or more, or choose another sampler.`,
    );
  }
}

/** A sampler names a default schedule that nobody has brought. */
export class DefaultSchedulerMissing extends AppError {
  readonly code = 'default-scheduler-missing';
  constructor(sampler: Sampler, known: readonly Scheduler[]) {
    super(
      `The sampler "${sampler.label}" asks for the schedule "${sampler.defaultScheduler}", which is not there.`,
      `Choose a schedule instead of Automatic: ${known.map(({ label }) => label).join(', ')}.`,
    );
  }
}

/**
 * The schedule that is used: the asked one, or what "Automatic" stands for with this sampler. A sampler without a default
 * leaves it at Automatic, which is also what A1111 writes into its parameters (as no entry at all).
 */
export function effectiveScheduler(asked: Scheduler, sampler: Sampler, known: readonly Scheduler[]): Scheduler {
  if (asked.id !== automatic.id || sampler.defaultScheduler === undefined) return asked;
  return known.find(({ id }) => id === sampler.defaultScheduler) ?? fail(new DefaultSchedulerMissing(sampler, known));
}

/**
 * The noise levels of a run, falling: the sampler's own, else the schedule's, which is the effective one. Usually
 * `stepCount` + 1 of them; samplers that choose their own levels may take a few steps more or less.
 */
export function noiseLevels(run: { sampler: Sampler; scheduler: Scheduler; model: ModelSampling; stepCount: number }): readonly number[] {
  const { sampler, scheduler, model, stepCount } = run;
  if (stepCount < sampler.minSteps) throw new TooFewSteps(sampler, stepCount);
  if (sampler.levels) return sampler.levels(model, stepCount);
  if (sampler.lastLevel === 'zero') return scheduler.levels(model, stepCount);
  // one level more, so that the schedule's last one before 0 can become the model's lowest
  return [...scheduler.levels(model, stepCount + 1).slice(0, -2), model.sigmaMin];
}

/** Where a run from nothing starts: unit noise as strong as the first level, or as the sampler wants it. */
export function startNoise(unitNoise: Tensor, sampler: Sampler, firstLevel: number): Tensor {
  return scale(unitNoise, sampler.startScale?.(firstLevel) ?? firstLevel);
}

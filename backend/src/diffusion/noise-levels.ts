import { AppError, combine, fail, pictureShare, scale, type ModelSampling, type Sampler, type Scheduler, type Tensor } from '@atelier/sdk';
import { automatic } from './schedulers/automatic.js';

/** The sampler or the schedule cannot work in so few steps. */
export class TooFewSteps extends AppError {
  readonly code = 'too-few-steps';
  constructor(what: 'sampler' | 'schedule', { label, minSteps }: Sampler | Scheduler, stepCount: number) {
    super(
      `The ${what} "${label}" needs at least ${minSteps} steps, not ${stepCount}.`,
      `Ask for ${minSteps} steps or more, or choose another ${what}.`,
    );
  }
}

/** The sampler or the schedule was made for models of another kind. */
export class NotForThisModel extends AppError {
  readonly code = 'not-for-this-model';
  constructor(what: 'sampler' | 'schedule', { label }: Sampler | Scheduler, { prediction }: ModelSampling) {
    super(
      `The ${what} "${label}" goes by timesteps or levels that a model of this kind (${prediction}) does not have.`,
      what === 'sampler' ? 'Choose another sampler, such as Euler.' : 'Choose another schedule, such as Simple.',
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
 * The schedule that is used: the asked one, or what "Automatic" stands for with this sampler and model. It is left at
 * Automatic, which is also what A1111 writes into its parameters (as no entry at all), where the sampler has no default and
 * for flow models: defaults of samplers are for levels that reach far above 1.
 */
export function effectiveScheduler(asked: Scheduler, sampler: Sampler, known: readonly Scheduler[], model: ModelSampling): Scheduler {
  if (asked.id !== automatic.id || sampler.defaultScheduler === undefined || model.prediction === 'flow') return asked;
  return known.find(({ id }) => id === sampler.defaultScheduler) ?? fail(new DefaultSchedulerMissing(sampler, known));
}

/** What the noise levels of a run follow from. */
interface LevelsAsked {
  sampler: Sampler;
  scheduler: Scheduler;
  model: ModelSampling;
  stepCount: number;
  /** Options of the sampler; what is left out has its default. */
  options?: Readonly<Record<string, unknown>>;
}

/**
 * The noise levels of a run, falling: the sampler's own, else the schedule's, which is the effective one. Usually
 * `stepCount` + 1 of them; a sampler or schedule that goes by timesteps may take a few steps more or less. The last is 0,
 * or the model's lowest level where the sampler or the schedule ends there.
 *
 * @throws TooFewSteps
 * @throws NotForThisModel
 */
export function noiseLevels(run: LevelsAsked): readonly number[] {
  const { sampler, scheduler, model, stepCount, options } = run;
  if (sampler.suits?.(model) === false) throw new NotForThisModel('sampler', sampler, model);
  if (stepCount < sampler.minSteps) throw new TooFewSteps('sampler', sampler, stepCount);
  if (sampler.levels) return sampler.levels(model, stepCount, options);
  if (scheduler.suits?.(model) === false) throw new NotForThisModel('schedule', scheduler, model);
  if (stepCount < scheduler.minSteps) throw new TooFewSteps('schedule', scheduler, stepCount);
  if (sampler.discardsNextToLast) return scheduler.levels(model, stepCount + 1).toSpliced(-2, 1);
  if (sampler.lastLevel === scheduler.lastLevel || sampler.lastLevel === 'zero') return scheduler.levels(model, stepCount);
  // one level more, so that the schedule's last one before 0 can become the model's lowest
  const levels = scheduler.levels(model, stepCount + 1).slice(0, -2);
  return [...levels.filter((level) => level > model.sigmaMin), model.sigmaMin];
}

/** Where a run from nothing starts: unit noise as strong as the first level, or as the sampler wants it. */
export function startNoise(unitNoise: Tensor, sampler: Sampler, firstLevel: number): Tensor {
  return scale(unitNoise, sampler.startScale?.(firstLevel) ?? firstLevel);
}

/** Where a run from a picture starts: what the level leaves of its latent, with the start noise. */
export function noised(latent: Tensor, noise: Tensor, level: number, model: ModelSampling): Tensor {
  return combine([latent, noise], [pictureShare(model, level), 1]);
}

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

/** Levels that no run can go along. */
export class LevelsInvalid extends AppError {
  readonly code = 'levels-invalid';
  constructor(problem: string) {
    super(`These noise levels cannot be used: ${problem}.`, 'Levels fall from noise to picture, such as 14.6, 7, 3, 1, 0.3, 0.');
  }
}

/** What is asked for besides a schedule: by default nothing. */
export interface ScheduleChanges {
  /** Options of the schedule; what is left out has its default. */
  schedulerOptions?: Readonly<Record<string, unknown>>;
  /** Levels between which the schedule goes, instead of the model's own; 0 for those. */
  scheduleMinSigma?: number;
  scheduleMaxSigma?: number;
  /** Whether the level before the last is left out whatever the sampler. */
  discardNextToLast?: boolean;
  /** Levels written by hand, instead of a schedule; none for that. */
  levels?: readonly number[];
  /** Steps to leave out at the start, and the step after which the run goes straight to 0; 0 for all. */
  startStep?: number;
  endStep?: number;
}

/** What the noise levels of a run follow from. */
interface LevelsAsked {
  sampler: Sampler;
  scheduler: Scheduler;
  model: ModelSampling;
  stepCount: number;
  /** Options of the sampler; what is left out has its default. */
  options?: Readonly<Record<string, unknown>>;
  changes?: ScheduleChanges;
}

/**
 * The noise levels of a run, falling: the sampler's own, else the schedule's, which is the effective one. Usually
 * `stepCount` + 1 of them; a sampler or schedule that goes by timesteps may take a few steps more or less. The last is 0,
 * or the model's lowest level where the sampler or the schedule ends there.
 *
 * @throws TooFewSteps
 * @throws NotForThisModel
 * @throws LevelsInvalid
 */
export function noiseLevels(run: LevelsAsked): readonly number[] {
  const { levels: byHand = [], startStep = 0, endStep = 0 } = run.changes ?? {};
  if (run.sampler.suits?.(run.model) === false) throw new NotForThisModel('sampler', run.sampler, run.model);
  const whole = byHand.length > 0 ? checkedByHand(byHand, run.sampler) : scheduledLevels(run);
  const isCut = endStep > 0 && endStep < whole.length - 1;
  const taken = isCut ? [...whole.slice(startStep, endStep), 0] : whole.slice(startStep);
  if (taken.length < 2)
    throw new LevelsInvalid(`of ${whole.length - 1} steps none is left from step ${startStep} to ${endStep || 'the end'}`);
  return taken;
}

function checkedByHand(levels: readonly number[], sampler: Sampler): readonly number[] {
  if (sampler.levels) throw new LevelsInvalid(`the sampler "${sampler.label}" chooses its own`);
  if (levels.length < 2) throw new LevelsInvalid('one level is not a step');
  const risen = levels.findIndex((level, index) => index > 0 && !(level < levels[index - 1]));
  if (risen > 0) throw new LevelsInvalid(`${levels[risen]} does not lie below ${levels[risen - 1]}`);
  return levels;
}

function scheduledLevels({ sampler, scheduler, model: whole, stepCount, options, changes = {} }: LevelsAsked): readonly number[] {
  const { schedulerOptions, discardNextToLast = false } = changes;
  const model = between(whole, changes);
  if (stepCount < sampler.minSteps) throw new TooFewSteps('sampler', sampler, stepCount);
  if (sampler.levels) return sampler.levels(model, stepCount, options);
  if (scheduler.suits?.(model) === false) throw new NotForThisModel('schedule', scheduler, model);
  if (stepCount < scheduler.minSteps) throw new TooFewSteps('schedule', scheduler, stepCount);
  const levelsOf = (count: number) => scheduler.levels(model, count, schedulerOptions);
  if (sampler.discardsNextToLast || discardNextToLast) return levelsOf(stepCount + 1).toSpliced(-2, 1);
  if (sampler.lastLevel === scheduler.lastLevel || sampler.lastLevel === 'zero') return levelsOf(stepCount);
  // one level more, so that the schedule's last one before 0 can become the model's lowest
  const levels = levelsOf(stepCount + 1).slice(0, -2);
  return [...levels.filter((level) => level > model.sigmaMin), model.sigmaMin];
}

/** The model with other ends for schedules to go between. */
function between(model: ModelSampling, { scheduleMinSigma = 0, scheduleMaxSigma = 0 }: ScheduleChanges): ModelSampling {
  const [sigmaMin, sigmaMax] = [scheduleMinSigma || model.sigmaMin, scheduleMaxSigma || model.sigmaMax];
  if (sigmaMin >= sigmaMax) throw new LevelsInvalid(`the lowest, ${sigmaMin}, does not lie below the highest, ${sigmaMax}`);
  return { ...model, sigmaMin, sigmaMax };
}

/** Where a run from nothing starts: unit noise as strong as the first level, or as the sampler wants it. */
export function startNoise(unitNoise: Tensor, sampler: Sampler, firstLevel: number): Tensor {
  return scale(unitNoise, sampler.startScale?.(firstLevel) ?? firstLevel);
}

/** Where a run from a picture starts: what the level leaves of its latent, with the start noise. */
export function noised(latent: Tensor, noise: Tensor, level: number, model: ModelSampling): Tensor {
  return combine([latent, noise], [pictureShare(model, level), 1]);
}

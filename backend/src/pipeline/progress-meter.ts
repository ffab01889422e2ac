import type { Loading, Progress, Stage } from '@atelier/sdk/contracts';

/** Steps after which a speed means something; the first one is slower (memory is touched for the first time). */
const WARM_UP_STEPS = 2;

/** Share of a batch that sampling takes, for the bar; the rest is decoding and saving. */
const SAMPLING_SHARE = 0.95;

/** Turns what the pipeline does into one line of honest progress. */
export class ProgressMeter {
  private stage: Stage = 'loading';
  private loading: Loading | null = null;
  private firstPicture = 0;
  private step = 0;
  private steps: number;
  private stepTimesMs: number[] = [];
  private lastStepAt = 0;

  constructor(
    private readonly job: { batchCount: number; batchSize: number; steps: number },
    private readonly now: () => number = () => performance.now(),
  ) {
    this.steps = job.steps;
  }

  enter(stage: Stage): Progress {
    this.stage = stage;
    if (stage === 'sampling') this.lastStepAt = this.now();
    return this.progress();
  }

  /** A network is being opened; null when it is open, and the stage goes on in which it was wanted. */
  opening(loading: Loading | null): Progress {
    this.loading = loading;
    return this.progress();
  }

  /** @param firstPicture index in the job of the batch's first picture. */
  beginBatch(firstPicture: number): void {
    this.firstPicture = firstPicture;
    this.step = 0;
  }

  /** @param steps of this batch: some samplers take a few more or less than were asked for. */
  stepDone(step: number, steps: number): Progress {
    const now = this.now();
    this.stepTimesMs.push(now - this.lastStepAt);
    this.lastStepAt = now;
    this.step = step;
    this.steps = steps;
    return this.progress();
  }

  private progress(): Progress {
    const { batchCount, batchSize } = this.job;
    const { stage, firstPicture, step, steps } = this;
    const isSampled = stage === 'decoding' || stage === 'saving';
    const ofBatch = isSampled ? SAMPLING_SHARE : (SAMPLING_SHARE * step) / steps;
    const batch = firstPicture / batchSize;
    const stepMs = this.stepMs();
    return {
      stage: this.loading ? 'loading' : stage,
      ...(this.loading && { loading: this.loading }),
      picture: firstPicture,
      step,
      steps,
      fraction: (batch + ofBatch) / batchCount,
      ...(stepMs && { stepsPerSecond: 1000 / stepMs, secondsLeft: (((batchCount - batch) * steps - step) * stepMs) / 1000 }),
    };
  }

  /** The median of the latest steps, in milliseconds; nothing until there are enough. */
  private stepMs(): number | undefined {
    if (this.stepTimesMs.length <= WARM_UP_STEPS) return undefined;
    const latest = this.stepTimesMs
      .slice(WARM_UP_STEPS)
      .slice(-15)
      .sort((a, b) => a - b);
    return Math.max(latest[latest.length >> 1], 0.001);
  }
}

import { isInterruption } from '@atelier/sdk';

/** A job was cancelled, or its present batch skipped. Thrown at yield points; never shown to anyone. */
export class Interrupted extends Error {}

/** What people may ask of a running job: nothing, to skip the batch, to end, to end but keep what is there. */
export type Ask = 'none' | 'skip' | 'cancel' | 'keep';

/** A stronger wish replaces a weaker one. */
const byStrength: readonly Ask[] = ['none', 'skip', 'keep', 'cancel'];

/** Carries a person's wish into a running job. Looked at between model calls. */
export class JobControl {
  private ask: Ask = 'none';
  private wasStopped = false;
  private isFinishing = false;

  request(ask: Exclude<Ask, 'none'>): void {
    if (byStrength.indexOf(ask) > byStrength.indexOf(this.ask)) this.ask = ask;
  }

  /** The device is being ended under the job, at a person's wish. */
  stop(): void {
    this.wasStopped = true;
    this.request('cancel');
  }

  get asked(): Ask {
    return this.ask;
  }

  /** The whole job is to end. */
  get isEnding(): boolean {
    return this.ask === 'cancel' || this.ask === 'keep';
  }

  get isStopped(): boolean {
    return this.wasStopped;
  }

  /** Whether the model call that runs, or the opening of a model, is in the way of what was asked. What makes pictures to keep is not. */
  get wantsInterruption(): boolean {
    return this.ask === 'skip' || this.ask === 'cancel' || (this.ask === 'keep' && !this.isFinishing);
  }

  /** Whether that ended the batch because someone asked for it, and is no fault. */
  caused(error: unknown): boolean {
    return error instanceof Interrupted || (isInterruption(error) && this.wantsInterruption);
  }

  /** Sampling is over: what comes now makes pictures of what is there. */
  finishBatch(): void {
    this.isFinishing = true;
  }

  /** A skipped batch is over; the next one runs. */
  beginBatch(): void {
    this.isFinishing = false;
    if (this.ask === 'skip') this.ask = 'none';
  }

  /** A yield point outside sampling: throws `Interrupted` unless the job goes on, or what is there is to be kept. */
  yieldPoint(): void {
    if (this.ask === 'skip' || this.ask === 'cancel') throw new Interrupted();
  }
}

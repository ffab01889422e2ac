import { Injectable, Logger } from '@nestjs/common';
import { reportOf } from '@atelier/sdk';
import type { FromEngine, Job, JobPreview, ToEngine } from '@atelier/sdk/contracts';
import { EventEmitter } from 'node:events';
import { CatalogueShelf } from './catalogue-shelf.js';
import { EngineProcess } from './engine-process.js';
import type { EngineEnded } from './errors.js';
import { JobLedger } from './job-ledger.js';

interface Running {
  job: Job;
  /** The engine has said something about it. One of which nothing was heard had not begun. */
  hasBegun: boolean;
}

/** Hands one job after another to the engine, and writes down what becomes of it. */
@Injectable()
export class JobDispatcher {
  private readonly log = new Logger('jobs');
  private readonly events = new EventEmitter<{ preview: [JobPreview]; extension: [Extract<FromEngine, { type: 'extension-changed' }>] }>();
  private running: Running | undefined;
  private latestPreview: JobPreview | undefined;
  private isStopping = false;
  /** What the engine says is worked through in its order. */
  private lastStep: Promise<void> = Promise.resolve();

  constructor(
    private readonly ledger: JobLedger,
    private readonly engine: EngineProcess,
    private readonly catalogue: CatalogueShelf,
  ) {
    engine.on('message', (message) => this.receive(message));
    engine.on('ready', () => this.next());
    engine.on('ended', (incident) => {
      this.catalogue.expectNew();
      this.inOrder(() => this.engineEnded(incident));
    });
    ledger.onChange(({ phase }) => {
      if (phase === 'queued' && !this.running) this.next();
    });
  }

  /** The picture being made, as it looked last; undefined when none is. */
  get preview(): JobPreview | undefined {
    return this.latestPreview;
  }

  onPreview(listener: (preview: JobPreview) => void): void {
    this.events.on('preview', listener);
  }

  onExtensionChanged(listener: (change: Extract<FromEngine, { type: 'extension-changed' }>) => void): void {
    this.events.on('extension', listener);
  }

  /** Starts the engine; from then on jobs run. */
  start(): void {
    this.engine.start();
  }

  /** Ends the engine in good order. The job it was at runs again at the next start. */
  async stop(reason: string): Promise<void> {
    this.isStopping = true;
    await this.engine.stop(reason);
    await this.lastStep;
  }

  /** Tells the engine something about the job that it runs. */
  tell(message: Extract<ToEngine, { type: 'cancel' | 'stop-now' }>): void {
    this.inOrder(() => Promise.resolve(this.engine.send(message))); // after the `run` that may be on its way
  }

  private next(): void {
    this.inOrder(async () => {
      if (this.running || this.isStopping || !this.engine.isReady) return;
      const job = await this.ledger.begin();
      if (!job) return;
      this.running = { job, hasBegun: false };
      const { id: jobId, request, createdAt, pictures } = job;
      this.engine.send({ type: 'run', jobId, request, createdAt, firstBatch: finishedBatches(pictures.length, request.batchSize) });
    });
  }

  private receive(message: FromEngine): void {
    switch (message.type) {
      case 'catalogue':
        return this.catalogue.receive(message.catalogue);
      case 'extension-changed':
        return void this.events.emit('extension', message);
      case 'preview':
        if (message.preview.jobId !== this.running?.job.id) return; // of a job that has ended meanwhile
        this.latestPreview = message.preview;
        return void this.events.emit('preview', message.preview);
      case 'progress':
      case 'picture':
      case 'warning':
      case 'finished':
        return this.inOrder(() => this.writeDown(message));
    }
  }

  private async writeDown(message: Extract<FromEngine, { type: 'progress' | 'picture' | 'warning' | 'finished' }>): Promise<void> {
    if (message.jobId !== this.running?.job.id) return;
    this.running.hasBegun = true;
    switch (message.type) {
      case 'progress':
        return void (await this.ledger.setProgress(message.jobId, message.progress));
      case 'picture':
        return void (await this.ledger.addPicture(message.picture));
      case 'warning':
        return void (await this.ledger.addWarning(message.jobId, message.warning));
      case 'finished': {
        if (this.isStopping && message.outcome === 'cancelled') return; // by us; it runs again at the next start
        const { jobId, outcome, error, hookTimings } = message;
        this.clear();
        this.next(); // after this step, even if it fails
        await this.ledger.finish(jobId, { phase: outcome, error, hookTimings });
      }
    }
  }

  private async engineEnded(incident: EngineEnded): Promise<void> {
    if (!this.running) return;
    const { job, hasBegun } = this.running;
    this.clear();
    if (!hasBegun && !incident.tap) await this.ledger.requeue(job.id);
    else await this.ledger.finish(job.id, { phase: 'failed', error: incident.toReport(), hookTimings: [] });
  }

  private clear(): void {
    this.running = undefined;
    this.latestPreview = undefined;
  }

  private inOrder(step: () => Promise<void>): void {
    this.lastStep = this.lastStep.then(step).catch((error: unknown) => {
      const { message, details } = reportOf(error);
      this.log.error(`The ledger could not be written: ${message}`, details);
    });
  }
}

function finishedBatches(pictureCount: number, batchSize: number): number {
  return Math.floor(pictureCount / batchSize);
}

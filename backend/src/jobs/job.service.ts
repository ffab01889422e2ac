import { Injectable } from '@nestjs/common';
import type { Job, Txt2ImgRequest } from '@atelier/sdk/contracts';
import { SettingsStore } from '../settings/settings-store.js';
import { acceptRequest } from './accept-request.js';
import { CatalogueShelf } from './catalogue-shelf.js';
import { JobAlreadyFinished, JobNotRunning, NotInCatalogue } from './errors.js';
import { JobDispatcher } from './job-dispatcher.js';
import { JobLedger } from './job-ledger.js';

/** What people may do with jobs. */
@Injectable()
export class JobService {
  constructor(
    private readonly ledger: JobLedger,
    private readonly dispatcher: JobDispatcher,
    private readonly catalogue: CatalogueShelf,
    private readonly settings: SettingsStore,
  ) {}

  /** Checks a request and writes the job down. When this returns, nothing loses it any more. */
  async create(request: Txt2ImgRequest, place: 'back' | 'front' = 'back'): Promise<Job> {
    return await this.ledger.add(await this.accept(request), place);
  }

  /** Ends a job wherever it is: a queued one at once, a running one at its next yield point. */
  async cancel(id: string, keep: boolean): Promise<Job> {
    return (
      (await this.ledger.cancelQueued(id)) ?? (await this.tellRunning(id, { type: 'cancel', jobId: id, mode: keep ? 'keep' : 'cancel' }))
    );
  }

  /** Ends a job now, and the device process with it. */
  async stopNow(id: string): Promise<Job> {
    return (await this.ledger.cancelQueued(id)) ?? (await this.tellRunning(id, { type: 'stop-now', jobId: id }));
  }

  /** Ends the batch that is being made; the job goes on with the next. */
  async skip(id: string): Promise<Job> {
    const job = await this.ledger.find(id);
    if (job.phase === 'queued') throw new JobNotRunning(id, job.phase);
    return await this.tellRunning(id, { type: 'cancel', jobId: id, mode: 'skip' });
  }

  /** Resolves when the job has ended. */
  async whenEnded(id: string): Promise<Job> {
    return await new Promise((resolve, reject) => {
      const remove = this.ledger.onChange((job) => {
        if (job.id === id) settle(job);
      });
      const settle = (job: Job): void => {
        if (job.phase === 'queued' || job.phase === 'running') return;
        remove();
        resolve(job);
      };
      this.ledger.find(id).then(settle, reject);
    });
  }

  private async accept(request: Txt2ImgRequest): Promise<Txt2ImgRequest> {
    try {
      return acceptRequest(request, await this.catalogue.get(), this.settings.current);
    } catch (error) {
      if (!(error instanceof NotInCatalogue)) throw error;
      // the last engine's catalogue may be older than the file that was asked for
      return acceptRequest(request, await this.catalogue.getFresh(), this.settings.current);
    }
  }

  private async tellRunning(id: string, message: Parameters<JobDispatcher['tell']>[0]): Promise<Job> {
    const job = await this.ledger.find(id);
    if (job.phase !== 'running') throw new JobAlreadyFinished(id, job.phase);
    this.dispatcher.tell(message);
    return job;
  }
}

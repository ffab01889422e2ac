import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { fail } from '@atelier/sdk';
import type { Job } from '@atelier/sdk/contracts';
import { type ErrorReport, type HookTiming, type JobPhase, type Picture, type Progress, type Txt2ImgRequest } from '@atelier/sdk/contracts';
import type { Kysely, Selectable } from 'kysely';
import { JobGivenUp, JobNotFound, LedgerUnreadable, PictureNotFound } from './errors.js';
import { type JobRow, type LedgerTables, type PictureRow, migrations } from './job-schema.js';

/** Change numbers are reserved on disk by so many at a time, so that not every step of a job is a write. */
const RESERVE = 1000;
/** A job that was begun so often without an end is not begun again. */
const MOST_ATTEMPTS = 3;

type Ended = 'done' | 'failed' | 'cancelled';

/** How a job ended. */
export interface JobEnding {
  phase: Ended;
  error: ErrorReport | null;
  hookTimings: readonly HookTiming[];
}

/** Which page of a list is wanted: `limit` items after (that is, older than) the one with the id `before`. */
export interface PageWish {
  limit: number;
  before?: string | undefined;
}

/**
 * The truth about jobs and their pictures: what is not in here did not happen. Every change gets a number that rises
 * for ever, also across restarts, and is announced to listeners with the whole job.
 * The file is opened at the first use; jobs that were running when the last server ended are queued again then.
 */
export class JobLedger {
  private opening: Promise<Kysely<LedgerTables>> | undefined;
  private readonly events = new EventEmitter<{ changed: [Job] }>();
  private lastSequence = 0;
  private reservedSequence = 0;
  /** Of the running job. Not written down: a job that is begun again begins from its last finished picture. */
  private progress: { jobId: string; sequence: number; progress: Progress } | undefined;
  private lastTurn: Promise<unknown> = Promise.resolve();

  constructor(private readonly file: string) {
    this.events.setMaxListeners(0); // one for each caller that waits for its job
  }

  /** The number of the latest change. */
  async sequence(): Promise<number> {
    await this.database();
    return this.lastSequence;
  }

  /** @returns what takes the listener away again. */
  onChange(listener: (job: Job) => void): () => void {
    this.events.on('changed', listener);
    return () => void this.events.off('changed', listener);
  }

  async close(): Promise<void> {
    await (await this.opening)?.destroy();
  }

  /** Writes a new job down, at the end of the queue or in front of all that wait. */
  add(request: Txt2ImgRequest, place: 'back' | 'front'): Promise<Job> {
    return this.inTurn(() => this.addNow(request, place));
  }

  private async addNow(request: Txt2ImgRequest, place: 'back' | 'front'): Promise<Job> {
    const database = await this.database();
    const id = randomUUID();
    const sequence = await this.nextSequence();
    await database
      .insertInto('jobs')
      .values((values) => ({
        id,
        sequence,
        phase: 'queued',
        place: values.selectFrom('jobs').select((columns) => {
          const { min, max, coalesce } = columns.fn;
          const edge = place === 'front' ? min('place') : max('place');
          return columns(coalesce(edge, columns.val(0)), place === 'front' ? '-' : '+', columns.val(1)).as('place');
        }),
        attempts: 0,
        requestJson: JSON.stringify(request),
        pictureCount: request.batchCount * request.batchSize,
        warningsJson: '[]',
        hookTimingsJson: '[]',
        createdAt: new Date().toISOString(),
      }))
      .execute();
    if (place === 'front') await this.queueMoved();
    return await this.announce(id);
  }

  async find(id: string): Promise<Job> {
    const database = await this.database();
    const row = await database.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
    return await this.jobOf(row ?? fail(new JobNotFound(id)));
  }

  /** The newest first. */
  async list({ limit, before, phase }: PageWish & { phase?: JobPhase | undefined }): Promise<Job[]> {
    const database = await this.database();
    let query = database.selectFrom('jobs').selectAll().orderBy('number', 'desc').limit(limit);
    if (phase) query = query.where('phase', '=', phase);
    if (before) query = query.where('number', '<', (await this.rowOf(before)).number);
    return await this.jobsOf(await query.execute());
  }

  /** Jobs that changed after that change, in the order in which they did. */
  async changedSince(sequence: number): Promise<Job[]> {
    const database = await this.database();
    const runningId = this.progress && this.progress.sequence > sequence ? this.progress.jobId : null;
    const rows = await database
      .selectFrom('jobs')
      .selectAll()
      .where((columns) => columns.or([columns('sequence', '>', sequence), columns('id', '=', runningId)]))
      .execute();
    return (await this.jobsOf(rows)).sort((a, b) => a.sequence - b.sequence);
  }

  /** Marks the first job of the queue as running and returns it; undefined when none waits. */
  begin(): Promise<Job | undefined> {
    return this.inTurn(async () => {
      const database = await this.database();
      const first = await database
        .selectFrom('jobs')
        .select('id')
        .where('phase', '=', 'queued')
        .orderBy('place')
        .limit(1)
        .executeTakeFirst();
      if (!first) return undefined;
      await this.write(first.id, (row) => ({ phase: 'running', attempts: row.attempts + 1, startedAt: new Date().toISOString() }));
      await this.queueMoved();
      return await this.announce(first.id);
    });
  }

  /** Ends a job that waits; undefined when it no longer does. */
  cancelQueued(id: string): Promise<Job | undefined> {
    return this.inTurn(async () => {
      if ((await this.rowOf(id)).phase !== 'queued') return undefined;
      return await this.end(id, { phase: 'cancelled', error: null, hookTimings: [] });
    });
  }

  /** Puts a running job back in front of the queue; one that was begun too often fails instead. */
  requeue(id: string): Promise<Job> {
    return this.inTurn(async () => {
      await this.putBack(id);
      await this.queueMoved();
      return await this.announce(id);
    });
  }

  finish(id: string, ending: JobEnding): Promise<Job> {
    return this.inTurn(() => this.end(id, ending));
  }

  private async end(id: string, { phase, error, hookTimings }: JobEnding): Promise<Job> {
    await this.write(id, () => ({
      phase,
      errorJson: error && JSON.stringify(error),
      hookTimingsJson: JSON.stringify(hookTimings),
      finishedAt: new Date().toISOString(),
    }));
    if (this.progress?.jobId === id) this.progress = undefined;
    await this.queueMoved();
    return await this.announce(id);
  }

  /** A picture of a job is safely on disk. One that is made a second time, after a restart, does not replace the first. */
  addPicture({ index: indexInJob, ...picture }: Picture): Promise<Job> {
    return this.inTurn(async () => {
      const database = await this.database();
      await database
        .insertInto('pictures')
        .values({ ...picture, indexInJob })
        .onConflict((conflict) => conflict.columns(['jobId', 'indexInJob']).doNothing())
        .execute();
      await this.write(picture.jobId, () => ({}));
      return await this.announce(picture.jobId);
    });
  }

  addWarning(id: string, warning: ErrorReport): Promise<Job> {
    return this.inTurn(async () => {
      await this.write(id, ({ warningsJson }) => ({
        warningsJson: JSON.stringify([...(JSON.parse(warningsJson) as ErrorReport[]), warning]),
      }));
      return await this.announce(id);
    });
  }

  setProgress(jobId: string, progress: Progress): Promise<Job> {
    return this.inTurn(async () => {
      this.progress = { jobId, sequence: await this.nextSequence(), progress };
      return await this.announce(jobId);
    });
  }

  async findPicture(id: string): Promise<Picture> {
    const database = await this.database();
    const row = await database.selectFrom('pictures').selectAll().where('id', '=', id).executeTakeFirst();
    return pictureOf(row ?? fail(new PictureNotFound(id)));
  }

  /** The newest first. */
  async listPictures({ limit, before }: PageWish): Promise<{ pictures: Picture[]; total: number }> {
    const database = await this.database();
    let query = database.selectFrom('pictures').selectAll().orderBy('number', 'desc').limit(limit);
    if (before) {
      const last = await database.selectFrom('pictures').select('number').where('id', '=', before).executeTakeFirst();
      query = query.where('number', '<', (last ?? fail(new PictureNotFound(before))).number);
    }
    const { total } = await database
      .selectFrom('pictures')
      .select((columns) => columns.fn.countAll<number>().as('total'))
      .executeTakeFirstOrThrow();
    return { pictures: (await query.execute()).map(pictureOf), total };
  }

  /** Changes happen one after another, each whole, so that what one has looked at still holds when it writes. */
  private async inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.lastTurn.then(change);
    this.lastTurn = turn.catch(() => undefined); // its own caller gets the error
    return await turn;
  }

  private database(): Promise<Kysely<LedgerTables>> {
    return (this.opening ??= this.open().catch((cause: unknown) => {
      throw new LedgerUnreadable(this.file, cause);
    }));
  }

  private async open(): Promise<Kysely<LedgerTables>> {
    // both take a moment to load, and the server should answer before
    const [{ Migrator }, { openSqlite }] = await Promise.all([import('kysely'), import('../database/sqlite.js')]);
    const database = await openSqlite<LedgerTables>(this.file);
    const migrator = new Migrator({ db: database, provider: { getMigrations: () => Promise.resolve(migrations) } });
    const { error } = await migrator.migrateToLatest();
    if (error) throw error;
    const { reserved } = await database.selectFrom('sequence').select('reserved').executeTakeFirstOrThrow();
    this.lastSequence = reserved;
    this.reservedSequence = reserved;
    this.opening = Promise.resolve(database); // for `putBack`
    const cutOff = await database.selectFrom('jobs').select('id').where('phase', '=', 'running').execute();
    for (const { id } of cutOff) await this.putBack(id);
    return database;
  }

  private async putBack(id: string): Promise<void> {
    if (this.progress?.jobId === id) this.progress = undefined;
    const database = await this.database();
    const { place } = await database
      .selectFrom('jobs')
      .select((columns) => columns.fn.coalesce(columns.fn.min('place'), columns.val(0)).as('place'))
      .executeTakeFirstOrThrow();
    await this.write(id, ({ attempts }) =>
      attempts < MOST_ATTEMPTS
        ? { phase: 'queued', place: place - 1, startedAt: null }
        : { phase: 'failed', errorJson: JSON.stringify(new JobGivenUp(id, attempts).toReport()), finishedAt: new Date().toISOString() },
    );
  }

  private async nextSequence(): Promise<number> {
    this.lastSequence++;
    if (this.lastSequence > this.reservedSequence) {
      this.reservedSequence = this.lastSequence + RESERVE;
      const database = await this.database();
      await database.updateTable('sequence').set({ reserved: this.reservedSequence }).execute();
    }
    return this.lastSequence;
  }

  /** Changes a job's row under a new change number. */
  private async write(id: string, change: (row: Selectable<JobRow>) => Partial<Omit<JobRow, 'number'>>): Promise<void> {
    const database = await this.database();
    const sequence = await this.nextSequence();
    const row = await this.rowOf(id);
    await database
      .updateTable('jobs')
      .set({ ...change(row), sequence })
      .where('id', '=', id)
      .execute();
  }

  private async rowOf(id: string): Promise<Selectable<JobRow>> {
    const database = await this.database();
    return (await database.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst()) ?? fail(new JobNotFound(id));
  }

  private async announce(id: string): Promise<Job> {
    const job = await this.find(id);
    this.events.emit('changed', job);
    return job;
  }

  /** Jobs that wait have another place now, so they have changed too. */
  private async queueMoved(): Promise<void> {
    const database = await this.database();
    const first = await database.selectFrom('jobs').select('id').where('phase', '=', 'queued').limit(1).executeTakeFirst();
    if (!first) return;
    const sequence = await this.nextSequence();
    await database.updateTable('jobs').set({ sequence }).where('phase', '=', 'queued').execute();
    const waiting = await database.selectFrom('jobs').selectAll().where('phase', '=', 'queued').orderBy('place').execute();
    for (const job of await this.jobsOf(waiting)) this.events.emit('changed', job);
  }

  private async jobOf(row: Selectable<JobRow>): Promise<Job> {
    return (await this.jobsOf([row]))[0];
  }

  private async jobsOf(rows: readonly Selectable<JobRow>[]): Promise<Job[]> {
    if (rows.length === 0) return [];
    const database = await this.database();
    const ids = rows.map(({ id }) => id);
    const pictures = await database.selectFrom('pictures').selectAll().where('jobId', 'in', ids).orderBy('indexInJob').execute();
    const line = rows.some(({ phase }) => phase === 'queued')
      ? await database
          .selectFrom('jobs')
          .select('id')
          .where('phase', 'in', ['running', 'queued'])
          .orderBy('phase', 'desc')
          .orderBy('place')
          .execute()
      : [];
    const aheadOf = new Map(line.map(({ id }, ahead) => [id, ahead]));
    return rows.map((row) => this.assemble(row, pictures.filter(({ jobId }) => jobId === row.id).map(pictureOf), aheadOf.get(row.id) ?? 0));
  }

  private assemble(row: Selectable<JobRow>, pictures: Picture[], ahead: number): Job {
    const { id, phase, pictureCount, createdAt, startedAt, finishedAt } = row;
    const request = JSON.parse(row.requestJson) as Txt2ImgRequest;
    const running = this.progress?.jobId === id ? this.progress : undefined;
    const common = {
      id,
      sequence: Math.max(row.sequence, running?.sequence ?? 0),
      request,
      pictureCount,
      pictures,
      warnings: JSON.parse(row.warningsJson) as ErrorReport[],
      hookTimings: JSON.parse(row.hookTimingsJson) as HookTiming[],
      createdAt,
      startedAt,
      finishedAt,
    };
    switch (phase) {
      case 'queued':
        return { phase, ahead, ...common };
      case 'running':
        return {
          phase,
          progress: running?.progress ?? { stage: 'loading', picture: 0, step: 0, steps: request.steps, fraction: 0 },
          ...common,
        };
      case 'failed':
        return { phase, error: JSON.parse(row.errorJson!) as ErrorReport, ...common };
      default:
        return { phase, ...common };
    }
  }
}

function pictureOf({ id, jobId, indexInJob: index, seed, width, height, file, parameters, createdAt }: Selectable<PictureRow>): Picture {
  return { id, jobId, index, seed, width, height, file, parameters, createdAt };
}

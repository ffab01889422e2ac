import { AsyncLocalStorage } from 'node:async_hooks';
import type { HookTiming, RunningTap } from '@atelier/sdk/contracts';
import type { ExtensionFault } from './extension-fault.js';
import { Visit, type VisitListener } from './visit.js';

/** Extension code that is running or waiting now. */
export interface PendingTap extends RunningTap {
  /** Milliseconds since 1970 at which it was last given control. */
  since: number;
}

/** A fault, and whether whoever called the hook gets it too (`thrown`) or only those who listen (`noted`). */
export interface FaultNotice {
  fault: ExtensionFault;
  jobId: string | null;
  outcome: 'thrown' | 'noted';
}

/** Calls, time and faults by extension and hook. */
class TimingTable {
  private readonly rows = new Map<string, HookTiming>();

  row(extension: string, hook: string): HookTiming {
    const key = `${extension} ${hook}`;
    let row = this.rows.get(key);
    if (!row) this.rows.set(key, (row = { extension, hook, calls: 0, totalMs: 0, faults: 0 }));
    return row;
  }

  forget(extension: string): void {
    for (const [key, row] of this.rows) if (row.extension === extension) this.rows.delete(key);
  }

  /** Copies of the rows, the most expensive first. */
  list(): HookTiming[] {
    return [...this.rows.values()].map((row) => ({ ...row })).sort((a, b) => b.totalMs - a.totalMs);
  }
}

/** What extensions cost in one job. */
export class JobLog {
  private readonly table = new TimingTable();

  constructor(
    readonly jobId: string,
    private readonly current: AsyncLocalStorage<JobLog>,
  ) {}

  /** Everything that `work` calls, now and later, is done for this job. */
  run<T>(work: () => T): T {
    return this.current.run(this, work);
  }

  row(extension: string, hook: string): HookTiming {
    return this.table.row(extension, hook);
  }

  timings(): HookTiming[] {
    return this.table.list();
  }
}

export interface TapLogOptions {
  /** Told whose code is running, each time that changes; null when none is. */
  onTap?(running: RunningTap | null): void;
  /** Milliseconds of a clock that only goes forward. */
  now?(): number;
}

/** Who is at work, for how long, and who failed: everything we know of extension code at run time. */
export class TapLog implements VisitListener {
  /** At work now, the latest last. */
  private readonly working = new Map<Visit, PendingTap>();
  private readonly total = new TimingTable();
  private readonly jobs = new AsyncLocalStorage<JobLog>();
  private readonly jobsOfVisits = new WeakMap<Visit, JobLog>();
  private readonly faultListeners = new Set<(notice: FaultNotice) => void>();
  private readonly onTap: (running: RunningTap | null) => void;
  readonly now: () => number;

  constructor({ onTap = () => {}, now = () => performance.now() }: TapLogOptions) {
    this.onTap = onTap;
    this.now = now;
  }

  openJob(jobId: string): JobLog {
    return new JobLog(jobId, this.jobs);
  }

  visit(extension: string, hook: string): Visit {
    const job = this.jobs.getStore();
    const visit = new Visit(this, extension, hook, job?.jobId ?? null);
    if (job) this.jobsOfVisits.set(visit, job);
    return visit;
  }

  timings(): HookTiming[] {
    return this.total.list();
  }

  /** Starts an extension's timings anew. */
  forget(extension: string): void {
    this.total.forget(extension);
  }

  pending(): PendingTap[] {
    return [...this.working.values()];
  }

  onFault(listener: (notice: FaultNotice) => void): Disposable {
    this.faultListeners.add(listener);
    return { [Symbol.dispose]: () => this.faultListeners.delete(listener) };
  }

  called(visit: Visit): void {
    for (const row of this.rowsOf(visit)) row.calls++;
  }

  began(visit: Visit): void {
    const tap = { extension: visit.extension, hook: visit.hook, jobId: visit.jobId, since: Date.now() };
    this.working.set(visit, tap);
    this.onTap(runningOf(tap));
  }

  ended(visit: Visit, elapsedMs: number): void {
    for (const row of this.rowsOf(visit)) row.totalMs += elapsedMs;
    this.working.delete(visit);
    const latest = [...this.working.values()].at(-1);
    this.onTap(latest ? runningOf(latest) : null);
  }

  failed(visit: Visit, fault: ExtensionFault): void {
    for (const row of this.rowsOf(visit)) row.faults++;
    // a hook that is only told of something cannot stop it
    const outcome = visit.hook.startsWith('on') ? 'noted' : 'thrown';
    for (const listener of this.faultListeners) listener({ fault, jobId: visit.jobId, outcome });
  }

  private rowsOf(visit: Visit): HookTiming[] {
    const { extension, hook } = visit;
    const job = this.jobsOfVisits.get(visit);
    return [this.total.row(extension, hook), ...(job ? [job.row(extension, hook)] : [])];
  }
}

function runningOf({ extension, hook, jobId }: PendingTap): RunningTap {
  return { extension, hook, jobId };
}

import { cancelJob, type Job, type JobPreview, listJobs, skipPicture, stopJob } from '@atelier/sdk/contracts';
import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import { call } from '../../api/call.js';

/** A look at the picture being made. */
export interface Preview {
  url: string;
  picture: number;
  step: number;
}

const JOBS_KEPT = 300;

/** The server owns the jobs; this keeps the latest copy of each. */
export const useJobsStore = defineStore('jobs', () => {
  const jobs = shallowRef<ReadonlyMap<string, Job>>(new Map());
  const previews = shallowRef<ReadonlyMap<string, Preview>>(new Map());
  /** Of the latest change that was seen: what to ask for after an interruption. */
  let sequence = 0;

  const newestFirst = computed(() =>
    [...jobs.value.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt) || b.sequence - a.sequence),
  );
  const running = computed(() => newestFirst.value.find((job) => job.phase === 'running'));
  const queued = computed(() =>
    newestFirst.value.filter((job) => job.phase === 'queued').sort((a, b) => a.ahead - b.ahead || a.createdAt.localeCompare(b.createdAt)),
  );
  const finished = computed(() => newestFirst.value.filter((job) => job.phase !== 'running' && job.phase !== 'queued'));
  const waitingCount = computed(() => queued.value.length + (running.value ? 1 : 0));

  /** Called for each `job:changed`. Events carry the whole job, so a missed one heals itself; a late one is ignored. */
  function receive(job: Job): void {
    sequence = Math.max(sequence, job.sequence);
    const known = jobs.value.get(job.id);
    if (known && known.sequence > job.sequence) return;
    const next = new Map(jobs.value).set(job.id, job);
    if (next.size > JOBS_KEPT) next.delete(newestFirst.value.at(-1)!.id);
    jobs.value = next;
    if (job.phase === 'done' || job.phase === 'failed' || job.phase === 'cancelled') forgetPreview(job.id);
  }

  function receivePreview({ jobId, picture, step, png }: JobPreview): void {
    const url = URL.createObjectURL(new Blob([png as Uint8Array<ArrayBuffer>], { type: 'image/png' }));
    forgetPreview(jobId);
    previews.value = new Map(previews.value).set(jobId, { url, picture, step });
  }

  /** The address is given back a little later, because the stage still shows it until the next picture is decoded. */
  function forgetPreview(jobId: string): void {
    const preview = previews.value.get(jobId);
    if (!preview) return;
    setTimeout(() => URL.revokeObjectURL(preview.url), 5000);
    const next = new Map(previews.value);
    next.delete(jobId);
    previews.value = next;
  }

  /** Brings the store up to date: everything recent the first time, what was missed after an interruption. */
  async function catchUp(askJobsSince: (sequence: number) => void): Promise<void> {
    if (sequence > 0) {
      askJobsSince(sequence);
      return;
    }
    const page = await call(listJobs, { limit: 50 });
    for (const job of page.jobs) receive(job);
    sequence = Math.max(sequence, page.sequence);
  }

  /** @param keep decode and save the unfinished picture */
  async function cancel(id: string, keep = false): Promise<void> {
    receive(await call(cancelJob, { id, keep }));
  }

  /** Goes on with the next batch of the job. */
  async function skip(id: string): Promise<void> {
    receive(await call(skipPicture, { id }));
  }

  /** Ends the device process; the model has to be opened again afterwards. */
  async function stopNow(id: string): Promise<void> {
    receive(await call(stopJob, { id }));
  }

  return { jobs, previews, newestFirst, running, queued, finished, waitingCount, receive, receivePreview, catchUp, cancel, skip, stopNow };
});

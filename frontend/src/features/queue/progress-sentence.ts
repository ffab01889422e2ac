import type { Job, Loading, Stage } from '@atelier/sdk/contracts';
import type { Translate } from '@atelier/sdk/ui';

/** What a job is doing, in two parts: what, and how far. */
export interface ProgressSentence {
  what: string;
  detail: string;
}

/**
 * One honest line. There is no estimate until the engine has one, and waiting says behind whom.
 *
 * @param ahead the job that runs before this one, where it is known
 */
export function progressSentence(job: Job, t: Translate, ahead?: Job): ProgressSentence {
  switch (job.phase) {
    case 'queued':
      return { what: t('Waiting'), detail: waitingDetail(job.ahead, t, ahead) };
    case 'running':
      return { what: [stageWords(job.progress.stage, t), pictureWords(job, t)].filter(Boolean).join(' · '), detail: runningDetail(job, t) };
    case 'done':
      return { what: t('Done'), detail: tookWords(job, t) };
    case 'failed':
      return { what: t('Failed'), detail: job.error.message };
    case 'cancelled':
      return { what: t('Cancelled'), detail: job.pictures.length > 0 ? t('{count} kept', { count: job.pictures.length }) : '' };
  }
}

function waitingDetail(ahead: number, t: Translate, first: Job | undefined): string {
  if (ahead === 0) return t('next');
  const place = t('number {place} in the queue', { place: ahead + 1 });
  return first ? `${place} · ${t('behind “{prompt}”', { prompt: shortened(first.request.prompt, t) })}` : place;
}

function stageWords(stage: Stage, t: Translate): string {
  return {
    loading: t('Loading the model'),
    encoding: t('Reading the prompt'),
    sampling: t('Sampling'),
    decoding: t('Decoding'),
    saving: t('Saving'),
  }[stage];
}

function pictureWords(job: Extract<Job, { phase: 'running' }>, t: Translate): string {
  if (job.pictureCount < 2) return '';
  const first = job.progress.picture + 1;
  const last = Math.min(job.pictureCount, job.progress.picture + job.request.batchSize);
  return last > first
    ? t('pictures {first}–{last} of {count}', { first, last, count: job.pictureCount })
    : t('picture {first} of {count}', { first, count: job.pictureCount });
}

function runningDetail({ progress }: Extract<Job, { phase: 'running' }>, t: Translate): string {
  const { stage, step, steps, stepsPerSecond, secondsLeft, waitingFor, loading } = progress;
  if (waitingFor) return t('waiting for {extension} in {hook}', waitingFor);
  if (loading) return loadingDetail(loading, t);
  const parts: string[] = [];
  if (stage === 'sampling') parts.push(t('step {step} / {steps}', { step, steps }));
  if (stage === 'sampling' && stepsPerSecond !== undefined) parts.push(speedWords(stepsPerSecond, t));
  if (secondsLeft) parts.push(t('{time} left', { time: duration(secondsLeft) }));
  return parts.join(' · ');
}

/** Which network of the model it is, and how much of it is read, where it is read. */
function loadingDetail({ network, opened, of, bytes }: Loading, t: Translate): string {
  const place = t('{network}, {number} of {count}', { network: t(network), number: opened + 1, count: of });
  return bytes
    ? `${place} · ${t('{read} of {total} GB', { read: (bytes.read / 1e9).toFixed(1), total: (bytes.of / 1e9).toFixed(1) })}`
    : place;
}

/** Steps a second, or seconds a step where that says more, as A1111 users know it from their consoles. */
function speedWords(stepsPerSecond: number, t: Translate): string {
  return stepsPerSecond >= 1
    ? t('{speed} it/s', { speed: stepsPerSecond.toFixed(1) })
    : t('{speed} s/it', { speed: (1 / stepsPerSecond).toFixed(1) });
}

function tookWords(job: Job, t: Translate): string {
  if (!job.startedAt || !job.finishedAt) return '';
  return t('took {time}', { time: duration((Date.parse(job.finishedAt) - Date.parse(job.startedAt)) / 1000) });
}

/** Seconds for people: `4 s`, `2 min 5 s`, `1 h 3 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(seconds > 0 ? 1 : 0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}

/** The beginning of a prompt, for a line in a list. */
export function shortened(prompt: string, t: Translate, length = 40): string {
  const text = prompt.trim().replace(/\s+/g, ' ');
  if (!text) return t('no prompt');
  return text.length > length ? `${text.slice(0, length - 1).trimEnd()}…` : text;
}

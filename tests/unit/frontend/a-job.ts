import { Job, Txt2ImgRequest } from '@atelier/sdk/contracts';

/** A job as the server sends it, of which a test changes what it is about. */
export function aJob(change: Record<string, unknown> = {}): Job {
  const request = Txt2ImgRequest.parse({ prompt: 'a lighthouse on the sea', ...(change.request as object) });
  return Job.parse({
    id: 'j1',
    phase: 'queued',
    ahead: 0,
    sequence: 1,
    pictureCount: request.batchCount * request.batchSize,
    pictures: [],
    warnings: [],
    hookTimings: [],
    createdAt: '2026-01-01T10:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    ...change,
    request,
  });
}

export function aPicture(id: string, change: Record<string, unknown> = {}) {
  return {
    id,
    jobId: 'j1',
    index: 0,
    seed: 1,
    width: 256,
    height: 256,
    file: `${id}.png`,
    parameters: 'a cat',
    createdAt: '2026-01-01T10:00:05.000Z',
    ...change,
  };
}

import { z } from 'zod';
import { ErrorReport } from '../errors.js';
import { Picture, Txt2ImgRequest } from './generation.js';

/** What a running job is doing. */
export const Stage = z.enum(['loading', 'encoding', 'sampling', 'decoding', 'saving']);
export type Stage = z.infer<typeof Stage>;

/** A network of the model that is being opened. */
export const Loading = z.object({
  network: z.string().describe('What it is, e.g. "diffusion model".'),
  opened: z.int().min(0).describe('Networks of the model that have been opened before it.'),
  of: z.int().positive().describe('Networks that the model has.'),
  bytes: z
    .object({ read: z.int().min(0), of: z.int().min(0) })
    .optional()
    .describe('Where its weights are copied; those that stay in their file are not read while it is opened.'),
});
export type Loading = z.infer<typeof Loading>;

/** How far a running job is. */
export const Progress = z
  .object({
    stage: Stage,
    picture: z.int().min(0).describe('Index of the first picture of the batch being made.'),
    step: z.int().min(0).describe('Steps done of this batch.'),
    steps: z.int().min(0).describe('Steps of one batch.'),
    fraction: z.number().min(0).max(1).describe('Share of the whole job that is done.'),
    stepsPerSecond: z.number().positive().optional().describe('Absent until it means something.'),
    secondsLeft: z.number().min(0).optional().describe('Absent until it means something.'),
    loading: Loading.optional().describe('While a network is being opened.'),
    waitingFor: z
      .object({ extension: z.string(), hook: z.string(), seconds: z.number() })
      .optional()
      .describe('An extension whose tap has been running for more than 10 s.'),
  })
  .meta({ id: 'Progress' });
export type Progress = z.infer<typeof Progress>;

/** What one extension cost in one hook. */
export const HookTiming = z
  .object({ extension: z.string(), hook: z.string(), calls: z.int(), totalMs: z.number(), faults: z.int() })
  .meta({ id: 'HookTiming' });
export type HookTiming = z.infer<typeof HookTiming>;

const common = {
  id: z.string(),
  sequence: z.int().describe('Rises with every change of any job.'),
  request: Txt2ImgRequest,
  pictureCount: z.int().describe('How many pictures were asked for.'),
  pictures: z.array(Picture).describe('Those that are finished.'),
  warnings: z.array(ErrorReport),
  hookTimings: z.array(HookTiming).describe('What extensions cost in this job.'),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
};

/** One request and its pictures, from the moment it is written down. */
export const Job = z
  .discriminatedUnion('phase', [
    z.object({ phase: z.literal('queued'), ahead: z.int().describe('Jobs that come before it.'), ...common }),
    z.object({ phase: z.literal('running'), progress: Progress, ...common }),
    z.object({ phase: z.literal('done'), ...common }),
    z.object({ phase: z.literal('failed'), error: ErrorReport, ...common }),
    z.object({ phase: z.literal('cancelled'), ...common }),
  ])
  .meta({ id: 'Job' });
export type Job = z.infer<typeof Job>;
export type JobPhase = Job['phase'];

export const JobTicket = z.object({ jobId: z.string() }).meta({ id: 'JobTicket' });
export type JobTicket = z.infer<typeof JobTicket>;

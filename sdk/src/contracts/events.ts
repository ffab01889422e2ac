import { z } from 'zod';
import { Catalogue, EngineStatus } from './catalogue.js';
import { Job } from './job.js';
import { Settings } from './settings.js';

/** A look at the picture being made: a small PNG of the model's guess, one latent cell a pixel or finer. */
export const JobPreview = z.object({
  jobId: z.string(),
  picture: z.int().describe('Index within the job.'),
  step: z.int(),
  png: z.instanceof(Uint8Array),
});
export type JobPreview = z.infer<typeof JobPreview>;

/** What the server tells every page over socket.io. Each event carries the whole thing, so a missed one heals with the next. */
export const ServerEvents = {
  'job:changed': Job,
  'job:preview': JobPreview,
  'catalogue:changed': Catalogue,
  'status:changed': EngineStatus,
  'settings:changed': Settings,
  'extension:changed': z.object({ id: z.string(), url: z.string().nullable() }),
} as const;
export type ServerEvents = { [Name in keyof typeof ServerEvents]: z.infer<(typeof ServerEvents)[Name]> };

/** What a page asks over socket.io; each is acknowledged. */
export const ClientEvents = {
  /** "I was away since `sequence`": the server emits `job:changed` for every job that changed after it. */
  'jobs:since': z.object({ sequence: z.int().min(0) }),
} as const;

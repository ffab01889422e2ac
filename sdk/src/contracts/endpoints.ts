import { z } from 'zod';
import { ExtensionId } from '../manifest.js';
import { Catalogue, EngineStatus, ExtensionEntry } from './catalogue.js';
import { defineEndpoint } from './endpoint.js';
import { MAX_PROMPT_LENGTH, Picture, Txt2ImgRequest } from './generation.js';
import { Job, JobTicket } from './job.js';
import { PictureParameters, ReadParameters } from './parameters.js';
import { Settings, SettingsPatch } from './settings.js';

const byId = z.object({ id: z.string() });
const pageOf = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  before: z.string().optional().describe('Id of the last one of the page before.'),
};

export const createTxt2ImgJob = defineEndpoint({
  method: 'POST',
  path: '/api/txt2img',
  summary: 'Queue pictures made from text.',
  query: z.object({ place: z.enum(['back', 'front']).default('back').describe('Where in the queue it goes.') }),
  body: Txt2ImgRequest,
  reply: JobTicket,
  status: 201,
});

export const listJobs = defineEndpoint({
  method: 'GET',
  path: '/api/jobs',
  summary: 'Jobs, the newest first.',
  query: z.object({ ...pageOf, phase: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']).optional() }),
  reply: z.object({ jobs: z.array(Job), sequence: z.int().describe('Of the latest change of any job.') }).meta({ id: 'JobPage' }),
});

export const getJob = defineEndpoint({ method: 'GET', path: '/api/jobs/:id', summary: 'One job.', params: byId, reply: Job });

export const cancelJob = defineEndpoint({
  method: 'POST',
  path: '/api/jobs/:id/cancel',
  summary: 'Cancel a job: a queued one at once, a running one at its next yield point.',
  params: byId,
  body: z
    .strictObject({ keep: z.boolean().default(false).describe('Decode and save the unfinished picture.') })
    .meta({ id: 'CancelJob' })
    .prefault({}),
  reply: Job,
});

export const stopJob = defineEndpoint({
  method: 'POST',
  path: '/api/jobs/:id/stop',
  summary: 'Stop now: end the device process. The model must be opened again afterwards.',
  params: byId,
  reply: Job,
});

export const skipPicture = defineEndpoint({
  method: 'POST',
  path: '/api/jobs/:id/skip',
  summary: 'Skip the batch being made and go on with the next one of the job.',
  params: byId,
  reply: Job,
});

export const getCatalogue = defineEndpoint({
  method: 'GET',
  path: '/api/catalogue',
  summary: 'Samplers, schedules, checkpoints, extensions, tabs.',
  reply: Catalogue,
});

export const refreshCatalogue = defineEndpoint({
  method: 'POST',
  path: '/api/catalogue/refresh',
  summary: 'Look at the model and extension folders again.',
  reply: Catalogue,
});

export const getStatus = defineEndpoint({
  method: 'GET',
  path: '/api/status',
  summary: 'How the engine and its device are doing.',
  reply: z.object({ version: z.string(), engine: EngineStatus }).meta({ id: 'Status' }),
});

export const listPictures = defineEndpoint({
  method: 'GET',
  path: '/api/pictures',
  summary: 'Finished pictures, the newest first.',
  query: z.object(pageOf),
  reply: z.object({ pictures: z.array(Picture), total: z.int() }).meta({ id: 'PicturePage' }),
});

export const getPicture = defineEndpoint({
  method: 'GET',
  path: '/api/pictures/:id',
  summary: 'One finished picture, with the request that made it.',
  params: byId,
  reply: z.object({ picture: Picture, request: Txt2ImgRequest }).meta({ id: 'PictureWithRequest' }),
});

export const readParameters = defineEndpoint({
  method: 'POST',
  path: '/api/parameters',
  summary: 'Read from a picture, or a text, how it was made.',
  body: ReadParameters,
  reply: PictureParameters,
});

export const getSettings = defineEndpoint({ method: 'GET', path: '/api/settings', summary: 'All settings.', reply: Settings });

export const changeSettings = defineEndpoint({
  method: 'PATCH',
  path: '/api/settings',
  summary: 'Change some settings.',
  body: SettingsPatch,
  reply: Settings,
});

export const countTokens = defineEndpoint({
  method: 'POST',
  path: '/api/tokens',
  summary: 'How many tokens a prompt has, and how many fit into its chunks.',
  body: z.strictObject({ prompt: z.string().max(MAX_PROMPT_LENGTH) }).meta({ id: 'CountTokens' }),
  reply: z.object({ count: z.int(), limit: z.int() }).meta({ id: 'TokenCount' }),
});

export const listExtensions = defineEndpoint({
  method: 'GET',
  path: '/api/extensions',
  summary: 'Extensions with state, faults and cost.',
  reply: z.object({ extensions: z.array(ExtensionEntry) }).meta({ id: 'Extensions' }),
});

export const changeExtension = defineEndpoint({
  method: 'PATCH',
  path: '/api/extensions/:id',
  summary: 'Enable, disable or reload an extension.',
  params: z.object({ id: ExtensionId }),
  body: z.strictObject({ enabled: z.boolean().optional(), reload: z.literal(true).optional() }).meta({ id: 'ChangeExtension' }),
  reply: ExtensionEntry,
});

export const callExtensionRoute = defineEndpoint({
  method: 'POST',
  path: '/api/extensions/:id/:route',
  summary: 'Call a route of an extension.',
  params: z.object({ id: ExtensionId, route: z.string() }),
  body: z.unknown(),
  reply: z.unknown(),
});

/** Every address of our own API that speaks JSON. Picture bytes are at `GET /api/pictures/:id/file` and `GET /api/checkpoints/preview`. */
export const endpoints = {
  createTxt2ImgJob,
  listJobs,
  getJob,
  cancelJob,
  stopJob,
  skipPicture,
  getCatalogue,
  refreshCatalogue,
  getStatus,
  listPictures,
  getPicture,
  readParameters,
  getSettings,
  changeSettings,
  countTokens,
  listExtensions,
  changeExtension,
  callExtensionRoute,
} as const;

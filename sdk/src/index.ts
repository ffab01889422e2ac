/** What an extension's server half may import. */
export * from './errors.js';
export * from './extension.js';
export * from './hooks.js';
export * from './manifest.js';
export * from './models.js';
export * from './sampling.js';
export * from './tensor/index.js';
export type { Picture, Txt2ImgInput, Txt2ImgRequest } from './contracts/generation.js';
export type { Job, JobPhase } from './contracts/job.js';
export { z } from 'zod';

/** For tests of extensions: `@atelier/backend/testing`. */
export { loadExtension, type LoadedExtension, type LoadOptions } from './load-extension.js';
export { runJob, type JobRun, type RunOptions } from './run-job.js';

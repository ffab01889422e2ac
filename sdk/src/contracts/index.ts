/** Everything that crosses a border: requests, replies, jobs, events, and the messages between our processes. */
export * from '../errors.js';
export * from '../manifest.js';
export * from './catalogue.js';
export * from './device-link.js';
export * from './endpoint.js';
export * from './endpoints.js';
export * from './engine-link.js';
export * from './events.js';
export * from './generation.js';
export * from './job.js';
export * from './names.js';
export * from './parameters.js';
export * from './settings.js';

/** What tests of samplers and extensions may import. */
export * from './gaussian-world.js';
export * from './tiny-checkpoint.js';

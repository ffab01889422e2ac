import { defineScheduler } from '@atelier/sdk';
import { normal } from './normal.js';

/** A1111's name for the levels of Normal: where timesteps are places in a table, both are spaced evenly over all of it. */
export const uniform = defineScheduler({
  id: 'uniform',
  label: 'Uniform',
  levels: normal.levels,
});

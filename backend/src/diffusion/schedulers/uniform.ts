import { defineScheduler } from '@atelier/sdk';
import { normal } from './normal.js';
import { simple } from './simple.js';

/**
 * A1111's name for the levels of Normal: where timesteps are places in a table, both are spaced evenly over all of it. A flow
 * model has no places, and Forge ends at 0 twice there; it is evenly spaced over its training in Simple.
 */
export const uniform = defineScheduler({
  id: 'uniform',
  label: 'Uniform',
  levels(model, stepCount) {
    if (model.prediction === 'flow') return simple.levels(model, stepCount);
    const { sigmas } = model; // all of them, whichever part of them was asked for
    return normal.levels({ ...model, sigmaMin: sigmas[0], sigmaMax: sigmas[sigmas.length - 1] }, stepCount);
  },
});

import { defineScheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Evenly spaced in log σ: every step divides the noise by the same factor. */
export const exponential = defineScheduler({
  id: 'exponential',
  label: 'Exponential',
  levels: (model, stepCount) => [...ramp(Math.log(model.sigmaMax), Math.log(model.sigmaMin), stepCount).map(Math.exp), 0],
});

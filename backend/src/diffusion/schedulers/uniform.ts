import { defineScheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Evenly spaced over the model's training timesteps, from the last to the first. */
export const uniform = defineScheduler({
  id: 'uniform',
  label: 'Uniform',
  levels: (model, stepCount) => [...ramp(model.sigmas.length - 1, 0, stepCount).map((timestep) => model.sigmaOf(timestep)), 0],
});

import { defineScheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** Evenly spaced over timesteps between those of the model's highest and lowest levels. */
export const normal = defineScheduler({
  id: 'normal',
  label: 'Normal',
  levels: (model, stepCount) => [
    ...ramp(model.timestepOf(model.sigmaMax), model.timestepOf(model.sigmaMin), stepCount).map((timestep) => model.sigmaOf(timestep)),
    0,
  ],
});

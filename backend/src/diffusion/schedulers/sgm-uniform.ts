import { defineScheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

/** As Normal with one step more, of which the last is left out: low noise gets no step of its own (Stability's own code). */
export const sgmUniform = defineScheduler({
  id: 'sgm-uniform',
  label: 'SGM Uniform',
  aliases: ['sgm_uniform', 'SGMUniform'],
  levels(model, stepCount) {
    const timesteps = ramp(model.timestepOf(model.sigmaMax), model.timestepOf(model.sigmaMin), stepCount + 1).slice(0, -1);
    return [...timesteps.map((timestep) => model.sigmaOf(timestep)), 0];
  },
});

import { defineScheduler } from '@atelier/sdk';
import { roundHalfToEven } from '../round-half-to-even.js';

/** In which part of the training time a timestep lies is told in thousandths. */
const TIMESTEPS = 1000;

/** Timesteps from which distilled models were trained to jump: the last of each of `stepCount` equal parts of the thousand. */
export const turbo = defineScheduler({
  id: 'turbo',
  label: 'Turbo',
  levels(model, stepCount) {
    // the highest level is timestep 999 where timesteps are counted, and the end of the thousandth where time flows
    const thousandth = model.timestepOf(model.sigmaMax) / (model.prediction === 'flow' ? TIMESTEPS : TIMESTEPS - 1);
    const timesteps = Array.from({ length: stepCount }, (_, index) => roundHalfToEven((TIMESTEPS * (stepCount - index)) / stepCount - 1));
    return [...timesteps.map((timestep) => model.sigmaOf(timestep * thousandth)), 0];
  },
});

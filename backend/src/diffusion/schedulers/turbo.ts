import { defineScheduler } from '@atelier/sdk';
import { roundHalfToEven } from '../round-half-to-even.js';

/** Timesteps from which distilled models were trained to jump: the last of each of `stepCount` equal parts of the thousand. */
export const turbo = defineScheduler({
  id: 'turbo',
  label: 'Turbo',
  levels(model, stepCount) {
    const part = (model.timestepOf(model.sigmaMax) + 1) / stepCount;
    const timesteps = Array.from({ length: stepCount }, (_, index) => roundHalfToEven(part * (stepCount - index) - 1));
    return [...timesteps.map((timestep) => model.sigmaOf(timestep)), 0];
  },
});

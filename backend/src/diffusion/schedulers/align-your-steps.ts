import { defineScheduler, type ModelSampling } from '@atelier/sdk';

/**
 * Levels that were optimised for Stable Diffusion 1 (Sabour et al. 2024, "Align Your Steps"); for other numbers of steps
 * they are interpolated in log σ. The model's own range is not looked at.
 */
const TEN_STEPS = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029];

export const alignYourSteps = defineScheduler({
  id: 'align-your-steps',
  label: 'Align Your Steps',
  aliases: ['align_your_steps'],
  suits: hasStrongNoise,
  levels: (_model, stepCount) => interpolated(TEN_STEPS, stepCount),
});

/** A1111's second name for the same levels; pictures made elsewhere carry it. */
export const alignYourSteps11 = defineScheduler({
  id: 'align-your-steps-11',
  label: 'Align Your Steps 11',
  aliases: ['align_your_steps_11'],
  suits: hasStrongNoise,
  levels: (_model, stepCount) => interpolated(TEN_STEPS, stepCount),
});

/** Found by GITS (Chen et al. 2024), which needs no optimisation: a search for few straight pieces. */
export const alignYourStepsGits = defineScheduler({
  id: 'align-your-steps-gits',
  label: 'Align Your Steps GITS',
  aliases: ['align_your_steps_GITS'],
  suits: hasStrongNoise,
  levels: (_model, stepCount) => interpolated(GITS, stepCount),
});

const GITS = [14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.24, 0.156, 0.104, 0.094, 0.029];

/** More anchors, down to half the model's lowest level. */
export const alignYourSteps32 = defineScheduler({
  id: 'align-your-steps-32',
  label: 'Align Your Steps 32',
  aliases: ['align_your_steps_32'],
  suits: hasStrongNoise,
  levels: (_model, stepCount) => interpolated(THIRTY_TWO, stepCount),
});

const THIRTY_TWO = [
  14.615, 11.23951352, 8.64363081, 6.64729424, 5.57250862, 4.71648546, 3.99196065, 3.5195609, 3.13490466, 2.79228788, 2.48773628,
  2.21663865, 1.97508351, 1.7793172, 1.61475335, 1.46540953, 1.314849, 1.16642497, 1.03475547, 0.91573744, 0.80748169, 0.71202361, 0.621739,
  0.53065202, 0.4529096, 0.37491455, 0.27461819, 0.2011529, 0.14105873, 0.06682881, 0.03166121, 0.015,
];

/** The anchors start where pictures are all but lost in the noise; levels of flow models are shares of noise, up to 1. */
function hasStrongNoise({ prediction }: ModelSampling): boolean {
  return prediction !== 'flow';
}

/** `count` levels along the anchors, evenly by place and linear in log σ, then 0. A single one is the lowest anchor. */
function interpolated(anchors: readonly number[], count: number): number[] {
  const last = anchors.length - 1;
  const levelAt = (place: number) => {
    const above = Math.min(Math.floor(place), last - 1);
    const share = place - above;
    return Math.exp((1 - share) * Math.log(anchors[above]) + share * Math.log(anchors[above + 1]));
  };
  const places = Array.from({ length: count }, (_, index) => last - (last * index) / Math.max(count - 1, 1));
  return [...places.reverse().map(levelAt), 0];
}

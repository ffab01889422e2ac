import { defineScheduler } from '@atelier/sdk';

/** How far the first, linear half of the steps goes down, as a share of the highest level. */
const LINEAR_SHARE = 0.025;

/**
 * Half of the steps go down a little and evenly, the rest along a parabola that carries on smoothly from there (Genmo's
 * Mochi; ComfyUI's linear_quadratic). Meant for flow models.
 */
export const linearQuadratic = defineScheduler({
  id: 'linear-quadratic',
  label: 'Linear Quadratic',
  aliases: ['linear_quadratic'],
  levels({ sigmaMax }, stepCount) {
    const linear = Math.floor(stepCount / 2);
    if (linear === 0) return [sigmaMax, 0];
    const quadratic = stepCount - linear;
    const behind = linear - LINEAR_SHARE * stepCount;
    const bend = behind / (linear * quadratic ** 2);
    const slope = LINEAR_SHARE / linear - (2 * behind) / quadratic ** 2;
    const done = (step: number) => (step < linear ? (step * LINEAR_SHARE) / linear : bend * step ** 2 + slope * step + bend * linear ** 2);
    return [...Array.from({ length: stepCount }, (_, step) => sigmaMax * (1 - done(step))), 0];
  },
});

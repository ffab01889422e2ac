import { defineScheduler } from '@atelier/sdk';

/** Every so-many-th of the model's own levels, counted from the highest. */
export const simple = defineScheduler({
  id: 'simple',
  label: 'Simple',
  levels({ sigmas }, stepCount) {
    const fromTop = (index: number) => sigmas[sigmas.length - 1 - Math.floor((index * sigmas.length) / stepCount)];
    return [...Array.from({ length: stepCount }, (_, index) => fromTop(index)), 0];
  },
});

import { defineScheduler } from '@atelier/sdk';

/**
 * Every ⌊1000 / steps⌋-th of the model's own levels, counted from the second lowest: the ones DDIM was published with. They
 * can be more than were asked for, and the first is then not the highest.
 */
export const ddimUniform = defineScheduler({
  id: 'ddim-uniform',
  label: 'DDIM',
  aliases: ['ddim', 'ddim_uniform'],
  levels({ sigmas }, stepCount) {
    const stride = Math.max(Math.floor(sigmas.length / stepCount), 1);
    const rising = sigmas.filter((_, timestep) => timestep % stride === 1 % stride && timestep >= 1);
    return [...rising.reverse(), 0];
  },
});

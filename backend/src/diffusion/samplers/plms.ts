import { add, addScaled, combine, defineSampler, derivative, pairs, scale } from '@atelier/sdk';
import { recall, remember, values } from './history.js';
import { ADAMS_BASHFORTH } from './ipndm.js';
import { byTimesteps } from './timesteps.js';

/** PLMS of Liu et al. 2022 on A1111's timesteps: Adams-Bashforth on DDIM, with a step of Heun's to begin with. */
export const plms = defineSampler({
  id: 'plms',
  label: 'PLMS',
  order: 2,
  ...byTimesteps,
  async *steps({ denoise, sigmas, memory, ...input }) {
    const last = sigmas[sigmas.length - 1];
    let x = input.x;
    let past = recall(memory);
    for (const [index, [sigma, next]] of [...pairs(sigmas)].entries()) {
      const { denoised } = await denoise(x, sigma);
      const slope = derivative(x, denoised, sigma);
      past = [{ sigma, value: slope }, ...past].slice(0, ADAMS_BASHFORTH.length);
      let direction = combine(values(past), ADAMS_BASHFORTH[past.length - 1]);
      if (past.length === 1) {
        const ahead = addScaled(x, slope, next - sigma);
        direction = scale(add(slope, derivative(ahead, (await denoise(ahead, next)).denoised, next)), 1 / 2);
      }
      x = addScaled(x, direction, next - sigma);
      if (index === sigmas.length - 2) x = scale(x, 1 / Math.hypot(1, last));
      yield { x, denoised, sigma, memory: remember(past) };
    }
  },
});

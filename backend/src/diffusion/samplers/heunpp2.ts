import { addScaled, combine, defineSampler, derivative, pairs } from '@atelier/sdk';
import { churnFor, churnOptions } from './churn.js';

/** Heun++ of Meng et al.: looks two steps ahead and trusts slopes more the noisier they are. Up to three model calls a step. */
export const heunpp2 = defineSampler({
  id: 'heunpp2',
  label: 'HeunPP2',
  options: churnOptions,
  callsPerStep: 3,
  drawsNoise: true,
  async *steps(input) {
    const { denoise, sigmas, memory } = input;
    const churn = churnFor(input);
    const highest = (memory?.highest as number | undefined) ?? sigmas[0];
    const end = sigmas[sigmas.length - 1];
    let x = input.x;
    for (const [index, [sigma, next]] of [...pairs(sigmas)].entries()) {
      const current = churn(x, sigma, next);
      const { denoised } = await denoise(current.x, current.sigma);
      const slopes = [derivative(current.x, denoised, current.sigma)];
      // as many looks ahead as there are levels before the last one, two at most
      const levels = sigmas.slice(index + 1, index + 3).filter((level) => level !== end);
      let [ahead, at] = [current.x, current.sigma];
      for (const level of levels) {
        ahead = addScaled(ahead, slopes[slopes.length - 1], level - at);
        at = level;
        slopes.push(derivative(ahead, (await denoise(ahead, level)).denoised, level));
      }
      const weights = levels.map((level) => level / (slopes.length * highest));
      const rest = 1 - weights.reduce((sum, weight) => sum + weight, 0);
      x = addScaled(current.x, combine(slopes, [rest, ...weights]), next - current.sigma);
      yield { x, denoised, sigma, memory: { ...churn.memory, highest } };
    }
  },
});

import { addScaled, combine, defineSampler, pairs, scale, subtract, z, type Tensor } from '@atelier/sdk';
import { exploding } from './exploding.js';

/** Points of the sums that stand for integrals over a step, as in the original. */
const POINTS = 200;

/** How the noise of the reverse equation grows with the level: the authors' choice, between the flow and the full noise. */
function noiseScale(sigma: number): number {
  return sigma * (Math.exp(sigma ** 0.3) + 10);
}

/** An extended reverse-time equation (Cui et al. 2023, "ER-SDE-Solver-3"), as ComfyUI has it: up to two past guesses a step. */
export const erSde = defineSampler({
  id: 'er-sde',
  label: 'ER SDE',
  aliases: ['er_sde'],
  options: z.object({
    max_stage: z.int().min(1).max(3).default(3).meta({ infotext: 'ER SDE stages' }).describe('How many guesses a step is made of.'),
    s_noise: z.number().min(0).max(2).default(1).meta({ infotext: 'Sigma noise' }).describe('Strength of the fresh noise.'),
  }),
  drawsNoise: true,
  steps: exploding(async function* ({ denoise, noise, sigmas, options: { max_stage, s_noise }, memory, ...input }) {
    let x = input.x;
    let before = memory as Before | undefined;
    for (const [sigma, next] of pairs(sigmas)) {
      const { denoised } = await denoise(x, sigma);
      const change = before && scale(subtract(denoised, before.denoised), 1 / (sigma - before.sigma));
      if (next === 0) {
        x = denoised;
      } else {
        const kept = noiseScale(next) / noiseScale(sigma);
        x = combine([x, denoised], [kept, 1 - kept]);
        const step = next - sigma;
        if (change && max_stage >= 2) {
          x = addScaled(x, change, step + noiseScale(next) * integral(sigma, next, () => 1));
          if (before?.change && before.earlier !== undefined && max_stage >= 3) {
            const bend = scale(subtract(change, before.change), 2 / (sigma - before.earlier));
            x = addScaled(x, bend, step ** 2 / 2 + noiseScale(next) * integral(sigma, next, (level) => level - sigma));
          }
        }
        const fresh = Math.sqrt(Math.max(next ** 2 - (sigma * kept) ** 2, 0));
        if (s_noise > 0) x = addScaled(x, noise(sigma, next), s_noise * fresh);
      }
      before = { denoised, change, sigma, earlier: before?.sigma };
      yield { x, denoised, sigma, memory: before };
    }
  }),
});

/** The step before: its guess and level, how the guess had changed, and the level before that. */
type Before = { denoised: Tensor; sigma: number; change?: Tensor; earlier?: number };

/** Of something over the noise scale, from the end of a step back to its start. */
function integral(sigma: number, next: number, value: (level: number) => number): number {
  const width = (sigma - next) / POINTS;
  let sum = 0;
  for (let point = 0; point < POINTS; point++) {
    const level = next + point * width;
    sum += value(level) / noiseScale(level);
  }
  return sum * width;
}

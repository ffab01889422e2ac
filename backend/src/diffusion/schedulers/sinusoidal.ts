import { defineScheduler, z, type Scheduler } from '@atelier/sdk';
import { ramp } from './ramp.js';

const { fround, sin, cos, PI } = Math;

/** Along a quarter of a sine, then to a power, as reForge has it. */
export const sinusoidalSf = waved({
  id: 'sinusoidal-sf',
  label: 'Sinusoidal SF',
  factor: 3.5,
  wave: (share) => fround(1 - fround(sin(fround(fround(PI / 2) * share)))),
  power: (factor) => factor,
});

/** Along half of a cosine, then to a power, as reForge has it. */
export const invcosinusoidalSf = waved({
  id: 'invcosinusoidal-sf',
  label: 'Invcosinusoidal SF',
  factor: 3.5,
  wave: (share) => fround(0.5 * fround(fround(cos(fround(share * fround(PI)))) + 1)),
  power: (factor) => factor,
});

/** Along a quarter of a cosine, then to a power that grows over the run, as reForge has it. */
export const reactCosinusoidalDynsf = waved({
  id: 'react-cosinusoidal-dynsf',
  label: 'React Cosinusoidal DynSF',
  factor: 2.15,
  wave: (share) => fround(cos(fround(share * fround(PI / 2)))),
  power: (factor, share) => fround(fround(factor) * share),
});

interface Wave {
  id: string;
  label: string;
  factor: number;
  /** From 1 at the start of the run to 0 at its end. */
  wave(share: number): number;
  power(factor: number, share: number): number;
}

/**
 * One level for each step asked for, so that there is a step less; the last is far below the model's lowest, but not 0. In
 * float32 throughout, because powers of small numbers make much of their last digits.
 */
function waved({ id, label, factor: usual, wave, power }: Wave): Scheduler {
  const alias = id.replaceAll('-', '_');
  const option = `${alias}_factor`;
  return defineScheduler({
    id,
    label,
    aliases: [alias],
    minSteps: 3, // two steps, the least that all samplers can make
    options: z.object({
      [option]: z
        .number()
        .min(0.1)
        .max(10)
        .default(usual)
        .meta({ infotext: `${label} factor` })
        .describe('Higher leaves less noise.'),
    }),
    levels({ sigmaMin, sigmaMax }, stepCount, options) {
      const [lowest, highest, span] = [sigmaMin, sigmaMax, sigmaMax - sigmaMin].map(fround);
      const part = (share: number) => fround(fround(lowest + fround(span * wave(share))) / highest);
      return ramp(0, 1, stepCount).map((share) => sigmaMax * part(share) ** power(Number(options[option]), share));
    },
  });
}

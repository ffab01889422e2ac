import type { ModelSampling, Prediction } from '@atelier/sdk';

/**
 * The levels of models trained with 1000 timesteps and betas that are linear in their square root (SD1, SD2, SDXL).
 *
 * @returns Rising; level t is √((1 − ᾱ_t) / ᾱ_t), computed in float64 and rounded to the float32 that other programs keep.
 */
export function scaledLinearLevels({ start = 0.00085, end = 0.012, count = 1000 } = {}): Float64Array {
  const levels = new Float64Array(count);
  let remaining = 1; // ᾱ, the share of the clean latent's variance that is left
  for (let t = 0; t < count; t++) {
    const beta = (Math.sqrt(start) + (t / (count - 1)) * (Math.sqrt(end) - Math.sqrt(start))) ** 2;
    remaining *= 1 - beta;
    levels[t] = Math.fround(Math.sqrt((1 - remaining) / remaining));
  }
  return levels;
}

/** What zero is replaced by in the last step of training, so that the ratio of noise to picture stays a number (as in A1111). */
const LEAST_REMAINING = 4.8973451890853435e-8;

/**
 * The same levels stretched so that the last one is all noise (Lin et al. 2024, "Common diffusion noise schedules", algorithm
 * 1): roots of what remains are moved to end at 0 and scaled to start where they did.
 */
export function zeroTerminalLevels(levels: Float64Array): Float64Array {
  const roots = levels.map((sigma) => 1 / Math.hypot(1, sigma)); // √ᾱ
  const [first, last] = [roots[0], roots[roots.length - 1]];
  const remaining = roots.map((root) => Math.max((((root - last) * first) / (first - last)) ** 2, LEAST_REMAINING));
  return remaining.map((share) => Math.fround(Math.sqrt((1 - share) / share)));
}

/** The sampling of a model whose timesteps are the places of its levels in a table. `sigmas` rise. */
export function tableSampling(sigmas: Float64Array, prediction: Prediction): ModelSampling {
  const logs = sigmas.map(Math.log);
  const last = sigmas.length - 1;
  return {
    prediction,
    sigmaData: 1,
    sigmas,
    sigmaMin: sigmas[0],
    sigmaMax: sigmas[last],
    timestepOf(sigma) {
      const wanted = Math.log(sigma);
      const above = firstAtLeast(logs, wanted);
      if (above === 0) return 0;
      if (above > last) return last;
      return above - (logs[above] - wanted) / (logs[above] - logs[above - 1]);
    },
    nearestTimestepOf(sigma) {
      const wanted = Math.log(sigma);
      const above = firstAtLeast(logs, wanted);
      if (above === 0) return 0;
      if (above > last) return last;
      return wanted - logs[above - 1] <= logs[above] - wanted ? above - 1 : above;
    },
    sigmaOf(timestep) {
      const t = Math.fround(Math.min(Math.max(timestep, 0), last));
      const low = Math.floor(t);
      const share = t - low;
      // in float32 like the originals: where noise depends on the level, its last digit counts
      const below = Math.fround((1 - share) * Math.fround(logs[low]));
      const above = Math.fround(share * Math.fround(logs[Math.min(low + 1, last)]));
      return Math.fround(Math.exp(Math.fround(below + above)));
    },
  };
}

/** Where the first element lies that is not below `wanted`; the length when all are. */
function firstAtLeast(rising: Float64Array, wanted: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

import { tensor, type Noise, type Tensor } from '@atelier/sdk';
import { readJson } from './goldens.js';

/** The inputs that the goldens of samplers share. All numbers in it are float32. */
export interface SamplerInputs {
  shape: number[];
  x_unit: number[];
  cfg_pp_scale: number;
  noise: { noise_seed: number };
  sigma_lists: Record<string, number[]>;
  timestep_lists: Record<string, number[]>;
  alphas_cumprod_f32: { values: number[] };
}

export function readSamplerInputs(): SamplerInputs {
  return readJson<SamplerInputs>('samplers/inputs.json');
}

/** The goldens' model D(x, σ): any smooth function will do, this one has curves in both directions. */
export function analyticDenoised(x: number, sigma: number): number {
  return x / (1 + sigma ** 2) + (0.3 * Math.sin((3 * x) / (1 + sigma)) * sigma) / (1 + sigma);
}

/** The goldens' unconditional model U(x, σ). */
export function analyticUncond(x: number, sigma: number): number {
  return x / (1 + sigma ** 2) - (0.2 * Math.cos((2 * x) / (1 + sigma)) * sigma) / (1 + sigma);
}

/** The conditional model of `cfg/`: `meaning` is the mean of the conditioning. */
export function analyticConditional(x: number, sigma: number, meaning: number): number {
  return analyticDenoised(x, sigma) + (0.8 * meaning * Math.cos(x) * sigma) / (1 + sigma);
}

/** Draws of the goldens' noise formula: twelve hashed uniforms minus 6. The k-th call of the returned function is draw k. */
export function formulaNoise(seed: number, like: Tensor): Noise {
  let draw = 0;
  return () => {
    const data = like.data.map((_, index) => {
      let sum = -6;
      for (let j = 0; j < 12; j++) sum += mixed(seed + 7919 * draw + 104729 * index + 1299709 * j) / 2 ** 32;
      return sum;
    });
    draw += 1;
    return tensor(like.shape, data);
  };
}

/** The last mixing of MurmurHash3. */
function mixed(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

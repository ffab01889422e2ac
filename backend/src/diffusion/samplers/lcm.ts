import {
  combine,
  defineSampler,
  pairs,
  pictureShare,
  type ModelSampling,
  type SamplerInput,
  type SamplerStep,
  type Tensor,
} from '@atelier/sdk';
import { tableSampling } from '../sigma-table.js';
import { hasTimesteps } from './timesteps.js';

/** Every so-many-th timestep is one that latent consistency models were distilled for. */
const STRIDE = 20;

/**
 * Latent consistency (Luo et al. 2023): each step jumps to the clean latent and goes back up with fresh noise. As A1111
 * has it: over the fifty timesteps of the distillation, which the network is told, with a trace of the noisy latent kept.
 */
export const lcm = defineSampler({
  id: 'lcm',
  label: 'LCM',
  aliases: ['k_lcm'],
  drawsNoise: true,
  suits: hasTimesteps,
  sampling: (model) => (hasTimesteps(model) ? distilled(model) : model),
  steps: (input) => jumps(input, (x, denoised, sigma) => combine([denoised, x], boundary(10 * input.model.timestepOf(sigma)))),
});

/** The same with the model's own levels and guesses, as ComfyUI has it. */
export const lcmComfyui = defineSampler({
  id: 'lcm-comfyui',
  label: 'LCM (ComfyUI)',
  drawsNoise: true,
  steps: (input) => jumps(input, (_x, denoised) => denoised),
});

async function* jumps(
  { model, denoise, noise, sigmas, ...input }: SamplerInput<unknown>,
  land: (x: Tensor, denoised: Tensor, sigma: number) => Tensor,
): AsyncGenerator<SamplerStep> {
  let x = input.x;
  for (const [sigma, next] of pairs(sigmas)) {
    const denoised = land(x, (await denoise(x, sigma)).denoised, sigma);
    x = next > 0 ? combine([denoised, noise(sigma, next)], [pictureShare(model, next), next]) : denoised;
    yield { x, denoised, sigma };
  }
}

/** Shares of the guess and of the noisy latent at a scaled time; they make the model's answer at time 0 its input. */
function boundary(time: number): [guess: number, latent: number] {
  const data = 0.5; // the standard deviation that pictures are taken to have
  return [time / Math.hypot(time, data), data ** 2 / (time ** 2 + data ** 2)];
}

/** The model's levels at the timesteps of the distillation only. */
function distilled(model: ModelSampling): ModelSampling {
  const table = tableSampling(model.sigmas.filter((_, timestep) => timestep % STRIDE === STRIDE - 1).map(throughFloat32), model.prediction);
  const nearest = (sigma: number) => table.nearestTimestepOf(sigma) * STRIDE + STRIDE - 1;
  return {
    ...model,
    ...table,
    timestepOf: nearest,
    nearestTimestepOf: nearest,
    sigmaOf: (timestep) => table.sigmaOf((timestep - (STRIDE - 1)) / STRIDE),
  };
}

/** A level after the original's way to ᾱ and back in float32. */
function throughFloat32(sigma: number): number {
  const kept = Math.fround(1 / Math.fround(Math.fround(sigma ** 2) + 1));
  return Math.sqrt(Math.fround(1 - kept) / kept);
}

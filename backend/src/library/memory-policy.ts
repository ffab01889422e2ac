import type { Component, StoredTensor } from '@atelier/sdk';
import type { BranchChoice, MemoryChoice, ModelMemory, Provider } from '@atelier/sdk/contracts';

/** Beside its weights, what a model works with at usual sizes: the decoder of a picture takes most. */
const WORKING_BYTES = 2e9;

/**
 * What a call of the diffusion model works with, for each row and cell of the latent. Measured with Stable Diffusion 1.5 (51 kB); what other
 * families compute with widest, for each cell, is about as wide.
 */
const DIFFUSION_BYTES_PER_CELL = 60e3;

/** The same for the VAE, measured with that of Stable Diffusion (215 kB). */
const VAE_BYTES_PER_CELL = 220e3;

/** What is counted on where the memory of a graphics card cannot be asked: what most have that pictures are made with. */
const CARD_BYTES = 8e9;

/** A network that may be open, and what a copy of one of its weights takes; 0 while they stay mapped from their file. */
export interface OpenedWeights {
  component: Component;
  copyBytes: number;
}

/**
 * Decides which networks of a model stay open.
 *
 * @param freeBytes of the system, or of what a container leaves; see `process.availableMemory()`.
 */
export function chooseMemory(
  asked: ModelMemory,
  networks: readonly OpenedWeights[],
  { provider, freeBytes }: { provider: Provider; freeBytes: number },
): MemoryChoice {
  if (asked !== 'auto') return { policy: asked, because: 'the settings say so' };
  const needed = WORKING_BYTES + networks.reduce((sum, network) => sum + bytesOf(network), 0);
  const isCpu = provider === 'cpu';
  const there = isCpu ? freeBytes : CARD_BYTES;
  const policy = needed <= there ? 'keep' : 'swap';
  const because = `all of them take ${gigabytes(needed)} GB, and ${gigabytes(there)} GB are ${isCpu ? 'free' : 'counted on, for a graphics card does not tell'}`;
  return { policy, because };
}

/** What a network's weights take: as stored while they are mapped, else as copies. */
export function bytesOf({ component, copyBytes }: OpenedWeights): number {
  let bytes = 0;
  for (const tensor of component.tensors.values()) bytes += copyBytes === 0 ? storedBytes(tensor) : copyBytes * valuesIn(tensor);
  return bytes;
}

/** What opening a network of diffusion and calling it once takes, about. */
export function diffusionBytes(model: OpenedWeights, [rows, , height, width]: readonly number[]): number {
  return bytesOf(model) + DIFFUSION_BYTES_PER_CELL * rows * height * width;
}

/**
 * Decides whether both branches of guidance go into one call of the diffusion model: that is faster, and takes the memory of both.
 *
 * @param latentShape of one branch: [rows, channels, height, width].
 */
export function chooseBranches(
  model: OpenedWeights,
  [rows, , height, width]: readonly number[],
  { provider, freeBytes }: { provider: Provider; freeBytes: number },
): BranchChoice {
  const isCpu = provider === 'cpu';
  const there = isCpu ? freeBytes : CARD_BYTES - bytesOf(model);
  const needed = 2 * rows * height * width * DIFFUSION_BYTES_PER_CELL;
  const whose = isCpu ? 'are free' : 'of a graphics card are counted on beside the model';
  return { together: needed <= there, because: `both take ${gigabytes(needed)} GB, and ${gigabytes(Math.max(there, 0))} GB ${whose}` };
}

/** What opening a half of the VAE and calling it for that many cells of a latent takes, about. */
export function vaeBytes(component: Component, cells: number): number {
  return bytesOf({ component, copyBytes: 0 }) + VAE_BYTES_PER_CELL * cells;
}

function storedBytes({ length, parts }: StoredTensor): number {
  return parts ? parts.reduce((sum, part) => sum + storedBytes(part), 0) : length;
}

function valuesIn({ shape }: StoredTensor): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** As people say it: 3.4. */
export function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}

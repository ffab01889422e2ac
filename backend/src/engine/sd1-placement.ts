import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fail } from '@atelier/sdk';
import type { DeviceGraph, DeviceTensor, PlacedOperator } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { CheckpointIncomplete } from '../checkpoints/errors.js';
import { readModelFile } from '../checkpoints/model-file.js';
import type { Device } from '../inference/device.js';
import { families, recognise } from '../model-families/families.js';
import { clipConfig, clipGraph, TOKENS_PER_CHUNK } from '../model-families/text-encoders/clip.js';
import { autoencoderConfig, decoderGraph } from '../model-families/vae/autoencoder.js';

/** Of the latent: the smallest picture, for operators do not depend on the size. */
const SIDE = 8;

/** A network of the model, with inputs to run it on. */
interface Example {
  graph: DeviceGraph;
  inputs: Record<string, DeviceTensor>;
}

/** Where the device runs the operators of Stable Diffusion 1: found out with a tiny model of random weights, network by network. */
export async function placeStableDiffusion1(device: Device): Promise<Record<string, PlacedOperator[]>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'atelier-tiny-'));
  try {
    const placed: Record<string, PlacedOperator[]> = {};
    for (const { graph, inputs } of await examples(tinyCheckpoint('sd15', { folder, type: 'F32' })))
      placed[graph.name] = await device.placement(graph, inputs);
    return placed;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function examples(file: string): Promise<Example[]> {
  const read = await readModelFile(file);
  const { family, model } = recognise(read, families);
  const encoder = read.components.textEncoders.get('clip-l') ?? fail(new CheckpointIncomplete(file, 'it has no text encoder.'));
  const vae = read.components.vae ?? fail(new CheckpointIncomplete(file, 'it has no VAE.'));
  const clip = clipConfig(encoder, 'clip-l');
  const latent = floats([1, 4, SIDE, SIDE]);
  return [
    {
      graph: clipGraph(encoder, clip, { layer: 1, finalNorm: true, pooled: 'none' }),
      inputs: { tokens: { type: 'int32', shape: [1, TOKENS_PER_CHUNK], data: new Int32Array(TOKENS_PER_CHUNK) } },
    },
    {
      graph: family.graph(model, { arithmetic: 'float32', mostPieces: 1 }),
      inputs: { x: latent, timesteps: floats([1]), context: floats([1, TOKENS_PER_CHUNK, clip.width]) },
    },
    { graph: decoderGraph(vae, autoencoderConfig(vae)), inputs: { latent } },
  ];
}

function floats(shape: number[]): DeviceTensor {
  return { type: 'float32', shape, data: new Float32Array(shape.reduce((size, side) => size * side, 1)) };
}

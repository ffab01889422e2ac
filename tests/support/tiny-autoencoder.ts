import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { float32s, writeSafetensors, type TensorToWrite } from './safetensors-file.js';

const WIDTH = 8;

export interface TinyAutoencoderWishes {
  name?: string;
  /** Of the latent. */
  channels?: number;
  /** `diffusers` is one file of both halves. */
  layout?: 'two files' | 'decoder alone' | 'diffusers';
}

/** Writes a tiny autoencoder with the names of a real one, less wide and with numbers that mean nothing. The same call writes the same file. */
export function writeTinyAutoencoder(
  folder: string,
  { name = 'taesd', channels = 4, layout = 'two files' }: TinyAutoencoderWishes = {},
): void {
  mkdirSync(folder, { recursive: true });
  if (layout === 'diffusers') {
    const both = { ...encoder('encoder.layers.', channels), ...decoder('decoder.layers.', channels, -1) };
    writeSafetensors(path.join(folder, `${name}.safetensors`), both);
    return;
  }
  writeSafetensors(path.join(folder, `${name}_decoder.safetensors`), decoder('', channels, 0));
  if (layout === 'two files') writeSafetensors(path.join(folder, `${name}_encoder.safetensors`), encoder('', channels));
}

function encoder(prefix: string, channels: number): Record<string, TensorToWrite> {
  const layers = new Layers(prefix, 0);
  layers.conv(0, 3, WIDTH);
  for (const block of [1, 3, 4, 5, 7, 8, 9, 11, 12, 13]) layers.block(block);
  for (const halving of [2, 6, 10]) layers.conv(halving, WIDTH, WIDTH, { hasBias: false });
  layers.conv(14, WIDTH, channels);
  return layers.tensors;
}

function decoder(prefix: string, channels: number, shift: number): Record<string, TensorToWrite> {
  const layers = new Layers(prefix, shift);
  layers.conv(1, channels, WIDTH);
  for (const block of [3, 4, 5, 8, 9, 10, 13, 14, 15, 18]) layers.block(block);
  for (const afterDoubling of [7, 12, 17]) layers.conv(afterDoubling, WIDTH, WIDTH, { hasBias: false });
  layers.conv(19, WIDTH, 3);
  return layers.tensors;
}

class Layers {
  readonly tensors: Record<string, TensorToWrite> = {};

  constructor(
    private readonly prefix: string,
    private readonly shift: number,
  ) {}

  conv(layer: number, from: number, to: number, { hasBias = true, inside = '' } = {}): void {
    const name = `${this.prefix}${layer + this.shift}.${inside}`;
    const spread = 1 / Math.sqrt(9 * from);
    const wave = (count: number, phase: number) => Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + layer + phase) * spread);
    this.tensors[`${name}weight`] = float32s([to, from, 3, 3], wave(to * from * 9, inside.length));
    if (hasBias) this.tensors[`${name}bias`] = float32s([to], wave(to, 0.5));
  }

  block(layer: number): void {
    for (const index of [0, 2, 4]) this.conv(layer, WIDTH, WIDTH, { inside: `conv.${index}.` });
  }
}

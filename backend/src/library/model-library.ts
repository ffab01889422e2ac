import { stat } from 'node:fs/promises';
import path from 'node:path';
import {
  AppError,
  fail,
  ReportedError,
  tensor,
  type Component,
  type LatentSpace,
  type ModelFamily,
  type ModelPlan,
  type Tensor,
  type TextEncoderKind,
} from '@atelier/sdk';
import type { CheckpointEntry, DeviceTensor, DeviceValue } from '@atelier/sdk/contracts';
import { readModelFile } from '../checkpoints/model-file.js';
import { readTensor } from '../checkpoints/read-tensor.js';
import { recognise } from '../model-families/families.js';
import { autoencoderConfig, decoderGraph, encoderGraph } from '../model-families/vae/autoencoder.js';
import { clipConfig, clipGraph } from '../model-families/text-encoders/clip.js';
import type { CheckpointIndex } from './checkpoint-index.js';
import type { LoadedModel } from './loaded-model.js';
import { ResidentTensors, sent } from './resident-tensors.js';
import { SessionShelf, type LivingDevice } from './session-shelf.js';

/** Pieces of a diffusion model, between which a run can be interrupted. */
const MOST_PIECES = 10;

/** A network that the model cannot do without is in none of its files. */
export class PartMissing extends AppError {
  readonly code = 'model-part-missing';
  constructor(checkpoint: string, part: string, folder: string) {
    super(`"${checkpoint}" has no ${part} of its own, and none was chosen.`, `Put one into ${folder} and choose it.`);
  }
}

/** Opens checkpoints on the device, one at a time, and keeps the last one open. */
export class ModelLibrary {
  private loaded: { key: string; model: LoadedModel } | undefined;
  private readonly sessions: SessionShelf;
  private readonly resident: ResidentTensors;

  /** @param families what can be run, in the order in which they are tried. */
  constructor(
    private readonly index: CheckpointIndex,
    private readonly device: LivingDevice,
    private readonly families: () => readonly ModelFamily[],
  ) {
    this.sessions = new SessionShelf(device);
    this.resident = new ResidentTensors(device);
  }

  /** Names of all checkpoints there are, usable or not. */
  names(): string[] {
    return this.index.names();
  }

  /**
   * The planned model. One that is there already is handed over as it is, unless one of its files has changed.
   *
   * @throws CheckpointNotFound | PartMissing, or the file's own problem.
   */
  async load(plan: ModelPlan): Promise<LoadedModel> {
    const entry = this.index.find(plan.checkpoint);
    if (entry.problem) throw new ReportedError(entry.problem);
    const key = `${await stateOf(entry.file)} clip skip ${plan.clipSkip}`;
    if (this.loaded?.key === key) return this.loaded.model;
    const model = await this.prepare(plan, entry);
    this.loaded = { key, model };
    return model;
  }

  /** Closes what is open; its memory goes back. */
  async close(): Promise<void> {
    this.loaded = undefined;
    await this.resident.clear();
    await this.sessions.closeUnless(() => false);
  }

  private async prepare(plan: ModelPlan, entry: CheckpointEntry): Promise<LoadedModel> {
    const { device, sessions, resident } = this;
    const file = await readModelFile(entry.file);
    const { family, model } = recognise(file, this.families());
    const { markers, textEncoders, vae } = file.components;
    const stem = path.parse(entry.file).name;
    const traits = await family.traits({ model, markers, metadata: file.metadata, stem, read: readTensor });
    for (const { kind, isOptional } of traits.textEncoders) {
      if (!isOptional && !textEncoders.has(kind)) throw new PartMissing(entry.name, encoderNames[kind], 'models/text_encoders');
    }
    const autoencoder = vae ?? fail(new PartMissing(entry.name, 'VAE', 'models/vae'));
    const state = await stateOf(entry.file);
    await sessions.closeUnless((key) => key.startsWith(state));
    const sha256 = this.index.sha256(entry);
    sha256.catch(() => {}); // whoever awaits it hears of it; a rejection that nobody awaits yet must not end the process

    return {
      checkpoint: entry.name,
      family,
      traits,
      precision: 'fp32',
      vae: null,
      sha256,
      reads: (kind) => textEncoders.has(kind),
      async encodeText(use, rows) {
        const encoder = textEncoders.get(use.kind) ?? fail(new PartMissing(entry.name, encoderNames[use.kind], 'models/text_encoders'));
        const reading = { layer: use.layer(plan.clipSkip), finalNorm: use.finalNorm, pooled: use.pooled };
        const session = await sessions.session(`${state} ${use.kind} ${JSON.stringify(reading)}`, () =>
          textEncoderGraph(encoder, use.kind, reading),
        );
        const tokens = new Int32Array(rows.length * rows[0].length);
        for (const [row, ids] of rows.entries()) tokens.set(ids, row * ids.length);
        const { hidden, pooled } = await device.run(session, {
          tokens: { type: 'int32', shape: [rows.length, rows[0].length], data: tokens },
        });
        return pooled === undefined ? { hidden: received(hidden) } : { hidden: received(hidden), pooled: received(pooled) };
      },
      async predict(x, timestep, { context, vector }, inputs) {
        const session = await sessions.session(`${state} model`, () =>
          family.graph(model, { arithmetic: 'float32', mostPieces: MOST_PIECES }),
        );
        const constant = { context, ...(vector && { vector }), ...inputs };
        const values: Record<string, DeviceValue> = {
          x: sent(x),
          timesteps: sent(tensor([x.shape[0]], new Float32Array(x.shape[0]).fill(timestep))),
        };
        for (const [name, input] of Object.entries(constant)) values[name] = await resident.valueOf(input);
        return received((await device.run(session, values)).prediction);
      },
      async decode(latents) {
        const session = await sessions.session(`${state} vae decoder`, () => decoderGraph(autoencoder, autoencoderConfig(autoencoder)));
        return received((await device.run(session, { latent: sent(toVae(latents, traits.latent)) })).image);
      },
      async encode(images) {
        const session = await sessions.session(`${state} vae encoder`, () => encoderGraph(autoencoder, autoencoderConfig(autoencoder)));
        return fromVae(received((await device.run(session, { image: sent(images) })).mean), traits.latent);
      },
    };
  }
}

const encoderNames: Record<TextEncoderKind, string> = {
  'clip-l': 'CLIP-L text encoder',
  'clip-h': 'OpenCLIP-H text encoder',
  'clip-g': 'OpenCLIP-G text encoder',
  t5: 'T5 text encoder',
};

function textEncoderGraph(encoder: Component, kind: TextEncoderKind, reading: Parameters<typeof clipGraph>[2]) {
  return clipGraph(encoder, clipConfig(encoder, kind), reading);
}

/** The latent as the VAE knows it. */
function toVae({ shape, data }: Tensor, { scale, shift }: LatentSpace): Tensor {
  const [scales, shifts] = perChannel(shape, scale, shift);
  return { shape, data: data.map((value, i) => value / scales(i) + shifts(i)) as Float32Array };
}

/** The latent as the model knows it. */
function fromVae({ shape, data }: Tensor, { scale, shift }: LatentSpace): Tensor {
  const [scales, shifts] = perChannel(shape, scale, shift);
  return { shape, data: data.map((value, i) => (value - shifts(i)) * scales(i)) as Float32Array };
}

/** Numbers of the channel in which element `i` of [batch, channels, height, width] lies. */
function perChannel([, channels, height, width]: readonly number[], ...numbers: (number | readonly number[])[]): ((i: number) => number)[] {
  const size = height * width;
  return numbers.map((each) => (typeof each === 'number' ? () => each : (i) => each[Math.floor(i / size) % channels]));
}

/** What tells that a file is still the same. A file that is gone is left to whoever opens it, who knows what to say. */
async function stateOf(file: string): Promise<string> {
  const status = await stat(file).catch(() => null);
  return `${file} ${status?.size} ${status?.mtimeMs}`;
}

function received(value: DeviceTensor): Tensor {
  if (value.type !== 'float32') throw new TypeError(`The model answered with ${value.type} where float32 was due.`);
  return tensor(value.shape, value.data);
}

import { stat } from 'node:fs/promises';
import { ReportedError, tensor, type Tensor } from '@atelier/sdk';
import type { CheckpointEntry, DeviceTensor } from '@atelier/sdk/contracts';
import { readCheckpoint } from '../checkpoints/safetensors-header.js';
import type { DeviceLink, Session } from '../inference/device-link.js';
import { familyOf } from '../model-families/families.js';
import type { GraphOptions } from '../model-families/model-family.js';
import type { CheckpointIndex } from './checkpoint-index.js';
import type { LoadedModel } from './loaded-model.js';

/** The sessions that one checkpoint needs to make pictures. */
interface Sessions {
  textEncoder: Session;
  unet: Session;
  vaeDecoder: Session;
}

interface Open {
  /** File, its size and time of change, and how its graphs were written. */
  key: string;
  /** The device process that holds the sessions. */
  generation: number;
  sessions: Sessions;
  model: LoadedModel;
}

/** A device, and which of its lives it is in: what was open in an earlier one is gone. */
export type LivingDevice = DeviceLink & { readonly generation: number };

/** Opens checkpoints on the device, one at a time, and keeps the last one open. */
export class ModelLibrary {
  private open: Open | undefined;

  constructor(
    private readonly index: CheckpointIndex,
    private readonly device: LivingDevice,
  ) {}

  /** Names of all checkpoints there are, usable or not. */
  names(): string[] {
    return this.index.names();
  }

  /**
   * The checkpoint of that name, open on the device. One that is open already is handed over as it is, unless its file
   * has changed or the device has ended since.
   *
   * @throws CheckpointNotFound, or the file's own problem.
   */
  async load(name: string, options: GraphOptions): Promise<LoadedModel> {
    const entry = this.index.find(name);
    if (entry.problem) throw new ReportedError(entry.problem);
    const key = `${await stateOf(entry)} clip skip ${options.clipSkip}`;
    if (this.open?.key === key && this.open.generation === this.device.generation) return this.open.model;
    await this.close();
    this.open = await this.openFile(key, entry, options);
    return this.open.model;
  }

  /** Closes what is open; its memory goes back. */
  async close(): Promise<void> {
    const { open, device } = this;
    this.open = undefined;
    if (!open || open.generation !== device.generation) return; // it went with its device
    for (const session of Object.values(open.sessions)) await device.close(session);
  }

  private async openFile(key: string, entry: CheckpointEntry, options: GraphOptions): Promise<Open> {
    const { device } = this;
    const checkpoint = await readCheckpoint(entry.file);
    const family = familyOf(checkpoint);
    const graphs = family.graphs(checkpoint, options);
    const { generation } = device; // before the first session: one that is lost meanwhile makes the next load open all anew
    const sessions: Sessions = {
      textEncoder: await device.open(graphs.textEncoder),
      unet: await device.open(graphs.unet),
      vaeDecoder: await device.open(graphs.vaeDecoder),
    };
    const sha256 = this.index.sha256(entry);
    sha256.catch(() => {}); // whoever awaits it hears of it; a rejection that nobody awaits yet must not end the process

    const model: LoadedModel = {
      checkpoint: entry.name,
      family,
      sha256,
      async encode(ids) {
        const rowLength = family.tokensPerChunk;
        const tokens = new Int32Array(ids.length * rowLength);
        for (const [row, each] of ids.entries()) tokens.set(each, row * rowLength);
        const { hidden } = await device.run(sessions.textEncoder, {
          tokens: { type: 'int32', shape: [ids.length, rowLength], data: tokens },
        });
        return received(hidden);
      },
      async predict(x, timestep, conditioning, inputs) {
        const timesteps = new Float32Array(x.shape[0]).fill(timestep);
        const { prediction } = await device.run(sessions.unet, {
          x: sent(x),
          timesteps: { type: 'float32', shape: [timesteps.length], data: timesteps },
          context: sent(conditioning),
          ...Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, sent(input)])),
        });
        return received(prediction);
      },
      async decode(latents) {
        const { scale, shift } = family.latent;
        const data = Float32Array.from(latents.data, (value) => value / scale + shift);
        const { image } = await device.run(sessions.vaeDecoder, { latent: { type: 'float32', shape: [...latents.shape], data } });
        return received(image);
      },
    };
    return { key, generation, sessions, model };
  }
}

/** What tells that a file is still the same. A file that is gone is left to whoever opens it, who knows what to say. */
async function stateOf({ file }: CheckpointEntry): Promise<string> {
  const status = await stat(file).catch(() => null);
  return `${file} ${status?.size} ${status?.mtimeMs}`;
}

function sent({ shape, data }: Tensor): DeviceTensor {
  return { type: 'float32', shape: [...shape], data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

function received(value: DeviceTensor): Tensor {
  if (value.type !== 'float32') throw new TypeError(`The model answered with ${value.type} where float32 was due.`);
  return tensor(value.shape, value.data);
}

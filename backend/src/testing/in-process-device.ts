import {
  DeviceOptions,
  type DeviceCommand,
  type DeviceFacts,
  type DeviceGraph,
  type DeviceTensor,
  type TensorHandle,
} from '@atelier/sdk/contracts';
import type { DeviceInputs, DeviceLink, KeptOutputs, OpenOptions, Session } from '../inference/device-link.js';
import { OnnxDevice } from '../inference/onnx-device.js';

/** The device process's inside without the process: one event loop less to wait for, for tests. */
export class InProcessDevice implements DeviceLink {
  readonly generation = 1;
  private readonly device = OnnxDevice.start(DeviceOptions.parse({}));
  private nextNumber = 1;

  async open(graph: DeviceGraph, { prepack = false, hasArena = false }: OpenOptions = {}): Promise<Session> {
    const session = this.nextNumber++;
    await this.carryOut({ type: 'open', session, graph, prepack, hasArena });
    return { session };
  }

  async close({ session }: Session): Promise<void> {
    await this.carryOut({ type: 'close', session });
  }

  async put(tensor: DeviceTensor): Promise<TensorHandle> {
    const handle = this.nextNumber++;
    await this.carryOut({ type: 'put', handle, tensor });
    return { handle };
  }

  async free({ handle }: TensorHandle): Promise<void> {
    await this.carryOut({ type: 'free', handle });
  }

  async run(session: Session, inputs: DeviceInputs): Promise<Record<string, DeviceTensor>> {
    return (await this.runKeeping(session, inputs, [])).tensors;
  }

  async runKeeping({ session }: Session, inputs: DeviceInputs, keep: readonly string[]): Promise<KeptOutputs> {
    const numbers = Object.fromEntries(keep.map((name) => [name, this.nextNumber++]));
    const { tensors } = await this.carryOut({ type: 'run', session, inputs: { ...inputs }, keep: numbers });
    const kept = Object.fromEntries(Object.entries(numbers).map(([name, handle]) => [name, { handle }]));
    return { tensors, kept };
  }

  async facts(): Promise<DeviceFacts> {
    return (await this.device).facts();
  }

  private async carryOut(
    command: Exclude<DeviceCommand, { type: 'start' | 'interrupt' }>,
  ): Promise<{ tensors: Record<string, DeviceTensor> }> {
    const result = await (await this.device).carryOut(command, { interrupted: new AbortController().signal, tell: () => {} }); // nothing interrupts it
    return { tensors: result.status === 'outputs' ? result.tensors : {} };
  }
}

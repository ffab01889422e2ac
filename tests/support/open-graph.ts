import { DeviceOptions, type DeviceTensor } from '@atelier/sdk/contracts';
import { OnnxDevice } from '../../backend/src/inference/onnx-device.js';
import type { GraphSpec } from '../../backend/src/onnx/graph-builder.js';

let device: Promise<OnnxDevice> | undefined;
let sessions = 0;

/** Opens a graph in this process, on the same runtime and options as the device process, and gives a function that runs it. */
export async function openGraph(graph: GraphSpec): Promise<(inputs: Record<string, DeviceTensor>) => Promise<Record<string, DeviceTensor>>> {
  device ??= OnnxDevice.start(DeviceOptions.parse({}));
  const session = ++sessions;
  await (await device).carryOut({ type: 'open', session, graph });
  return async (inputs) => {
    const result = await (await device!).carryOut({ type: 'run', session, inputs, keep: {} });
    if (result.status !== 'outputs') throw new Error(`A run was answered with "${result.status}".`);
    return result.tensors;
  };
}

/** A float32 tensor of the device. */
export function floats(shape: readonly number[], data: ArrayLike<number>): DeviceTensor {
  return { type: 'float32', shape: [...shape], data: Float32Array.from(data) };
}

/** Rows of token numbers. */
export function tokenRows(rows: readonly (readonly number[])[]): DeviceTensor {
  return { type: 'int32', shape: [rows.length, rows[0].length], data: Int32Array.from(rows.flat()) };
}

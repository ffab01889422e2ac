import type { Tensor } from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import type { GraphSpec } from '../../backend/src/onnx/graph-builder.js';
import { InProcessDevice } from '../../backend/src/testing/in-process-device.js';

/** What a diffusion model can be computed in. */
export const arithmetics = ['float32', 'float16'] as const;

let device: InProcessDevice | undefined;

/** Opens a graph in this process, on the same runtime and options as the device process, and gives a function that runs it. */
export async function openGraph(
  graph: GraphSpec,
): Promise<(inputs: Record<string, DeviceTensor>) => Promise<Record<string, DeviceTensor>>> {
  const here = (device ??= new InProcessDevice());
  const session = await here.open(graph);
  return (inputs) => here.run(session, inputs);
}

/** A float32 tensor of the device. */
export function floats(shape: readonly number[], data: ArrayLike<number>): DeviceTensor {
  return { type: 'float32', shape: [...shape], data: Float32Array.from(data) };
}

/** Rows of token numbers. */
export function tokenRows(rows: readonly (readonly number[])[]): DeviceTensor {
  return { type: 'int32', shape: [rows.length, rows[0].length], data: Int32Array.from(rows.flat()) };
}

/** What a model answered. */
export function numbers({ data }: DeviceTensor): Float32Array {
  if (!(data instanceof Float32Array)) throw new Error('A model answers in float32.');
  return data;
}

/** Pixels 0 … 1 [batch, height, width, channels] as the encoder takes them: −1 … 1, [batch, channels, height, width]. */
export function signedChannelsFirst({ shape: [batch, height, width, channels], data }: Tensor): DeviceTensor {
  const size = height * width;
  const planes = Array.from({ length: data.length }, (_, i) => {
    const [picture, channel, pixel] = [Math.floor(i / (size * channels)), Math.floor(i / size) % channels, i % size];
    return 2 * data[(picture * size + pixel) * channels + channel] - 1;
  });
  return floats([batch, channels, height, width], planes);
}

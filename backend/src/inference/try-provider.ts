import { reportOf, type ErrorReport } from '@atelier/sdk';
import type { DeviceFacts, DeviceGraph, DeviceTensor, Provider } from '@atelier/sdk/contracts';
import { GraphBuilder, type Value } from '../onnx/graph-builder.js';
import { Device, type DeviceSetup } from './device.js';

/** What came of trying a provider in a process of its own. A driver that brings the process down is an answer too. */
export type ProviderTrial =
  | { provider: Provider; works: true; facts: DeviceFacts; /** Of products of large matrices, warm. */ seconds: number }
  | { provider: Provider; works: false; problem: ErrorReport };

/** Sides of the matrices that are multiplied, and how often: enough to outweigh the way to a graphics card and back. */
const [SIDE, PRODUCTS] = [1024, 2];

/** A driver that takes longer will not answer any more. */
const LONGEST_MS = 90_000;

/** Starts a device with the provider, lets it work, and ends it. */
export async function tryProvider(provider: Provider, { entry, args, options }: DeviceSetup): Promise<ProviderTrial> {
  const device = new Device({ entry, args, isQuiet: true, options: async () => ({ ...(await options?.()), provider }) });
  const limit = setTimeout(() => void device.end(`it gave no answer within ${LONGEST_MS / 1000} seconds`), LONGEST_MS);
  try {
    const facts = await device.facts();
    const session = await device.open(productsGraph());
    const inputs = {
      x: await device.put(filled([SIDE, SIDE])),
      weight: await device.put(filled([SIDE, SIDE])),
      last: await device.put(filled([1, SIDE])),
    };
    await device.run(session, inputs); // the first run compiles
    const begun = performance.now();
    await device.run(session, inputs);
    return { provider, works: true, facts, seconds: (performance.now() - begun) / 1000 };
  } catch (error) {
    return { provider, works: false, problem: reportOf(error) };
  } finally {
    clearTimeout(limit);
    await device.end('the trial is over');
  }
}

/** x · weightᵀ, several times over; the last product is thin, so that little has to come back. */
function productsGraph(): DeviceGraph {
  const graph = new GraphBuilder('trial of speed');
  const [x, weight] = ['x', 'weight'].map((name) => graph.input(name, 'float32', [SIDE, SIDE]));
  const last = graph.input('last', 'float32', [1, SIDE]);
  let product: Value = x;
  for (let i = 0; i < PRODUCTS; i++) product = graph.gemm(product, weight, undefined, `product ${i}`);
  graph.output('y', graph.gemm(product, last, undefined, 'last product'), [SIDE, 1]);
  return graph.finish();
}

function filled(shape: number[]): DeviceTensor {
  return { type: 'float32', shape, data: new Float32Array(shape[0] * shape[1]).fill(1 / SIDE) };
}

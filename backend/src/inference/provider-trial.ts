import type { DeviceGraph, Provider } from '@atelier/sdk/contracts';
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { GraphBuilder } from '../onnx/graph-builder.js';

/** What a provider can do on this machine, beyond working at all. */
export interface Abilities {
  /** Whether `MultiHeadAttention` answers as the CPU does. WebGPU's does not where fewer than eight threads work in step (SwiftShader: four). */
  fusedAttention: boolean;
  /** Whether it computes with half-precision numbers. Graphics cards are free not to. */
  halfPrecision: boolean;
}

const [FLOAT16, UINT8, INT8] = [10, 2, 3];
/** Shapes of a small text encoder: several heads, and tokens that fill no block of threads evenly. */
const [TOKENS, WIDTH, HEADS] = [77, 16, 2];
/** Far from rounding, and far from what a wrong answer differs by. */
const TOLERANCE = 1e-3;

/**
 * Runs small graphs on a provider to see what it can do.
 *
 * @throws whatever the runtime says when the provider does not work at all.
 */
export async function tryOut(
  provider: Provider,
  open: (graph: DeviceGraph, provider: Provider) => Promise<InferenceSession>,
): Promise<Abilities> {
  const answersOf = async (graph: DeviceGraph, where: Provider) => {
    const session = await open(graph, where);
    try {
      const waves = Float32Array.from({ length: TOKENS * WIDTH }, (_, i) => 2 * Math.sin(i ** 1.5));
      return await session.run({ x: new Tensor('float32', waves, [1, TOKENS, WIDTH]) });
    } finally {
      await session.release();
    }
  };
  const [here, onCpu] = [await answersOf(attention(), provider), await answersOf(attention(), 'cpu')];
  const halfPrecision = await answersOf(halvesAndBack(), provider).then(
    () => true,
    () => false, // the runtime says so by failing
  );
  return { fusedAttention: Object.keys(onCpu).every((name) => isNear(here[name], onCpu[name])), halfPrecision };
}

/**
 * Whether sums of products of 8-bit numbers come out too small, because this CPU's instructions for them stop at 16 bits: all of x86
 * before VNNI (Cascade Lake, Zen 4, Alder Lake). ONNX Runtime has slower ones for those, which it wants to be asked for.
 */
export async function byteSumsOverflow(open: (graph: DeviceGraph) => Promise<InferenceSession>): Promise<boolean> {
  const session = await open(largestByteSums());
  try {
    const { sums } = await session.run({ x: new Tensor('float32', new Float32Array(TOKENS * WIDTH).fill(255), [TOKENS, WIDTH]) });
    return (sums.data as Float32Array).some((sum) => sum !== 255 * 127 * WIDTH);
  } finally {
    await session.release();
  }
}

function largestByteSums(): DeviceGraph {
  const graph = new GraphBuilder('trial of sums of bytes');
  const bytes = graph.node('Cast', [graph.input('x', 'float32', ['tokens', WIDTH])], { to: UINT8 }, 'narrow');
  const weights = graph.constant('int32', Array<number>(WIDTH * WIDTH).fill(127), [WIDTH, WIDTH]);
  const sums = graph.node('MatMulInteger', [bytes, graph.node('Cast', [weights], { to: INT8 }, 'weights')], {}, 'sums');
  graph.output('sums', graph.cast(sums, 'widen'), ['tokens', WIDTH]);
  return graph.finish();
}

/** Attention of tokens to each other and to earlier ones, as the models use it. */
function attention(): DeviceGraph {
  const graph = new GraphBuilder('trial of attention');
  const x = graph.input('x', 'float32', [1, 'tokens', WIDTH]);
  for (const isCausal of [false, true]) {
    const name = isCausal ? 'causal' : 'plain';
    graph.output(name, graph.attention(x, x, x, { heads: HEADS, isCausal }, name), [1, 'tokens', WIDTH]);
  }
  return graph.finish();
}

function halvesAndBack(): DeviceGraph {
  const graph = new GraphBuilder('trial of half precision');
  const halves = graph.node('Cast', [graph.input('x', 'float32', [1, 'tokens', WIDTH])], { to: FLOAT16 }, 'narrow');
  graph.output('y', graph.cast(graph.node('Mul', [halves, halves], {}, 'square'), 'widen'), [1, 'tokens', WIDTH]);
  return graph.finish();
}

function isNear(a: Tensor, b: Tensor): boolean {
  const [numbers, expected] = [a.data as Float32Array, b.data as Float32Array];
  return numbers.every((value, i) => Math.abs(value - expected[i]) < TOLERANCE);
}

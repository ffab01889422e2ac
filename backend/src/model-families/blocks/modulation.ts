import type { GraphBuilder, Value } from '../../onnx/graph-builder.js';
import type { Layer } from './layer.js';
import { perSample } from './transformer.js';

/**
 * What time and text say to a block of a diffusion transformer (Peebles & Xie 2023, section 3.2): some vectors, each as wide as a token.
 *
 * @param vector [batch, width], after its activation.
 * @returns `count` values [batch, 1, width]
 */
export function modulations(linear: Layer, vector: Value, count: number): Value[] {
  const width = linear.outputWidth / count;
  return Array.from({ length: count }, (_, i) => {
    const part = linear.linearRows(vector, i * width, (i + 1) * width);
    return linear.graph.reshape(part, [-1, 1, width], linear.path);
  });
}

/**
 * (1 + scale) · norm(x) + shift, with a norm that has learned nothing of its own.
 *
 * @param x [batch, tokens, width].
 */
export function modulated(
  graph: GraphBuilder,
  x: Value,
  { shift, scale, width }: { shift: Value; scale: Value; width: number },
  at: string,
): Value {
  // expanded in the graph: written out, so many ones would be the longest part of it
  const ones = graph.node('Expand', [graph.constant('float32', [1]), graph.constant('int64', [width])], {}, at);
  const zeros = graph.node('Expand', [graph.constant('float32', [0]), graph.constant('int64', [width])], {}, at);
  const normal = graph.layerNorm(x, ones, zeros, 1e-6, at);
  const factor = graph.add(scale, graph.constant('float32', [1]), at);
  return graph.add(graph.multiply(normal, factor, at), shift, at);
}

/**
 * x + gate · change.
 *
 * @param x [batch, tokens, width].
 * @param change rows: [batch · tokens, width].
 */
export function gated(
  graph: GraphBuilder,
  x: Value,
  change: Value,
  gate: Value,
  sizes: { batch: Value; width: number },
  at: string,
): Value {
  return graph.add(x, graph.multiply(perSample(graph, change, sizes, at), gate, at), at);
}

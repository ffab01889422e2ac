import type { Value } from '../../onnx/graph-builder.js';
import type { Layer } from './layer.js';

/**
 * Divides the last axis by its root mean square and multiplies it by a learned scale (Zhang & Sennrich 2019).
 *
 * @param scale the scale's name below `norm`.
 */
export function rmsNorm(norm: Layer, x: Value, { scale = 'weight', epsilon = 1e-6 } = {}): Value {
  return norm.graph.node('SimplifiedLayerNormalization', [x, norm.weight(scale)], { axis: -1, epsilon: { float: epsilon } }, norm.path);
}

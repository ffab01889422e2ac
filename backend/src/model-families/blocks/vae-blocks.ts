import type { Value } from '../../onnx/graph-builder.js';
import type { Layer } from './layer.js';
import { attend } from './transformer.js';

const EPSILON = 1e-6;

/** Residual block of the VAE: as in the UNet, without time. */
export function vaeResBlock(block: Layer, x: Value): Value {
  const { graph, path } = block;
  let h = block.at('conv1').conv(normAct(block.at('norm1'), x));
  h = block.at('conv2').conv(normAct(block.at('norm2'), h));
  const skip = block.has('nin_shortcut.weight') ? block.at('nin_shortcut').conv(x) : x;
  return graph.add(skip, h, path);
}

/** The middle of encoder and decoder: attention between two residual blocks, at the latent's size. */
export function vaeMiddle(mid: Layer, x: Value): Value {
  const h = vaeAttention(mid.at('attn_1'), vaeResBlock(mid.at('block_1'), x));
  return vaeResBlock(mid.at('block_2'), h);
}

/** Norm, activation and convolution that end encoder and decoder. */
export function vaeOutput(part: Layer, x: Value): Value {
  return part.at('conv_out').conv(normAct(part.at('norm_out'), x));
}

/** All pixels attend to all pixels, with a single head. */
function vaeAttention(block: Layer, x: Value): Value {
  const { graph, path } = block;
  const width = block.at('q').outputWidth;
  const channelsLast = graph.transpose(block.at('norm').groupNorm(x, EPSILON), [0, 2, 3, 1], path);
  const tokens = graph.reshape(channelsLast, [-1, width], path);
  const [query, key, value] = ['q', 'k', 'v'].map((name) => block.at(name).linear(tokens));
  const batch = graph.shapeOf(x, path, 0, 1);
  const attended = block.at('proj_out').linear(attend(block, { query, key, value }, { batch, heads: 1, width }));
  const image = graph.reshape(attended, graph.shapeOf(channelsLast, path), path);
  return graph.add(x, graph.transpose(image, [0, 3, 1, 2], path), path);
}

function normAct(norm: Layer, x: Value): Value {
  return norm.graph.silu(norm.groupNorm(x, EPSILON), norm.path);
}

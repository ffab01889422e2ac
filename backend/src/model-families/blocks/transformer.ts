import type { GraphBuilder, Value } from '../../onnx/graph-builder.js';
import type { Layer } from './layer.js';

/*
 * Tokens are kept as one matrix [batch · tokens, width], which is what linear layers want; only attention needs to know
 * where one sample ends, so it gets `batch`, the number of samples as an int64 vector of one.
 */

/** Text (or another condition) that pixels attend to: [batch · tokens, context width]. */
export interface TransformerInput {
  context: Value;
  batch: Value;
  heads: number;
}

/** Attention of every pixel to all pixels and to the text, around a residual (Rombach et al. 2022, section 3.3). */
export function spatialTransformer(block: Layer, x: Value, depth: number, input: TransformerInput): Value {
  const { graph, path } = block;
  const width = block.at('proj_in').outputWidth;
  const channelsLast = graph.transpose(block.at('norm').groupNorm(x, 1e-6), [0, 2, 3, 1], path);
  let tokens = block.at('proj_in').linear(graph.reshape(channelsLast, [-1, width], path));
  for (let i = 0; i < depth; i++) tokens = transformerBlock(block.at(`transformer_blocks.${i}`), tokens, input);
  tokens = block.at('proj_out').linear(tokens);
  const image = graph.reshape(tokens, graph.shapeOf(channelsLast, path), path); // [batch, height, width, channels]
  return graph.add(x, graph.transpose(image, [0, 3, 1, 2], path), path);
}

function transformerBlock(block: Layer, tokens: Value, { context, batch, heads }: TransformerInput): Value {
  const { graph, path } = block;
  let x = tokens;
  const own = block.at('norm1').layerNorm(x);
  x = graph.add(x, crossAttention(block.at('attn1'), own, own, batch, heads), path);
  x = graph.add(x, crossAttention(block.at('attn2'), block.at('norm2').layerNorm(x), context, batch, heads), path);
  return graph.add(x, gatedFeedForward(block.at('ff.net'), block.at('norm3').layerNorm(x)), path);
}

function crossAttention(block: Layer, x: Value, context: Value, batch: Value, heads: number): Value {
  const projections = { query: block.at('to_q').linear(x), key: block.at('to_k').linear(context), value: block.at('to_v').linear(context) };
  return block.at('to_out.0').linear(attend(block, projections, { batch, heads, width: block.at('to_q').outputWidth }));
}

/** GEGLU (Shazeer 2020): one half of the first layer gates the other. */
function gatedFeedForward(block: Layer, x: Value): Value {
  const { graph, path } = block;
  const expand = block.at('0.proj');
  const half = expand.outputWidth / 2;
  const value = expand.linearRows(x, 0, half);
  const gate = expand.linearRows(x, half, 2 * half);
  return block.at(2).linear(graph.multiply(value, graph.gelu(gate, path), path));
}

/** Attention between matrices of tokens: [batch · tokens, width] each, and so is the answer. */
export function attend(
  block: Layer,
  projections: { query: Value; key: Value; value: Value },
  { batch, heads, width, isCausal }: { batch: Value; heads: number; width: number; isCausal?: boolean },
): Value {
  const { graph, path } = block;
  const [query, key, value] = [projections.query, projections.key, projections.value].map((each) =>
    perSample(graph, each, { batch, width }, path),
  );
  const attended = graph.attention(query, key, value, { heads, isCausal }, path);
  return graph.reshape(attended, [-1, width], path);
}

/** From rows to samples: [batch, tokens, width]. */
export function perSample(graph: GraphBuilder, rows: Value, { batch, width }: { batch: Value; width: number }, at: string): Value {
  return graph.reshape(rows, graph.concat([batch, graph.constant('int64', [-1, width])], 0, at), at);
}

/** From samples to rows: [batch · tokens, width]. */
export function tokenRows(graph: GraphBuilder, x: Value, width: number, at: string): Value {
  return graph.reshape(x, [-1, width], at);
}

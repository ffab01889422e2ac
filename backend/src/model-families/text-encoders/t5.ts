import { fail, type Component } from '@atelier/sdk';
import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { viewOf } from '../../checkpoints/weight-view.js';
import { GraphBuilder, type GraphSpec, type Value } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import { rmsNorm } from '../blocks/rms-norm.js';

export interface T5Config {
  layers: number;
  width: number;
  heads: number;
  headWidth: number;
}

/** Distances from here on share the last bucket. */
const LARGEST_DISTANCE = 128;

/** Reads the encoder's plan from shapes. */
export function t5Config(encoder: Component): T5Config {
  const { shape, count } = viewOf(encoder);
  const sizes = (name: string) => shape(name) ?? fail(new CheckpointIncomplete(encoder.file, `its T5 has no tensor "${name}".`));
  const [, heads] = sizes('encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight');
  return {
    layers: count((i) => `encoder.block.${i}.layer.0.SelfAttention.q.weight`),
    width: sizes('shared.weight')[1],
    heads,
    headWidth: sizes('encoder.block.0.layer.0.SelfAttention.q.weight')[0] / heads,
  };
}

/**
 * The encoder of T5 v1.1 (Raffel et al. 2020): a transformer that knows places by their distances. Nothing is masked: what
 * fills a text up is read too, as other programs do.
 *
 * Input `tokens` [batch, tokens], int32. Output `hidden` [batch, tokens, width].
 *
 * @param layer which layer's states are read, counted from the last, which is 1.
 */
export function t5Graph(encoder: Component, config: T5Config, layer: number): GraphSpec {
  const graph = new GraphBuilder('text-encoder');
  const t5 = new Layer(graph, encoder);
  const tokens = graph.input('tokens', 'int32', ['batch', 'tokens']);
  const words = t5.at('shared').embedding(tokens);
  const shape = graph.shapeOf(words, 'shared'); // [batch, tokens, width]
  const bias = distanceBias(t5.at('encoder.block.0.layer.0.SelfAttention.relative_attention_bias'), tokens);

  let x = graph.reshape(words, [-1, config.width], 'shared'); // [batch · tokens, width]
  for (let i = 0; i < Math.max(1, config.layers - layer + 1); i++) {
    const [attention, forward] = [0, 1].map((part) => t5.at(`encoder.block.${i}.layer.${part}`));
    x = graph.add(
      x,
      selfAttention(attention.at('SelfAttention'), rmsNorm(attention.at('layer_norm'), x), bias, shape, config),
      attention.path,
    );
    x = graph.add(x, gatedFeedForward(forward.at('DenseReluDense'), rmsNorm(forward.at('layer_norm'), x)), forward.path);
  }
  const hidden = graph.reshape(rmsNorm(t5.at('encoder.final_layer_norm'), x), shape, 'final_layer_norm');
  graph.output('hidden', hidden, ['batch', 'tokens', config.width]);
  return graph.finish();
}

/** What each head adds to its scores for the distance between two tokens: [1, heads, tokens, tokens]. */
function distanceBias(table: Layer, tokens: Value): Value {
  const { graph, path } = table;
  const [zero, one] = [0, 1].map((value) => graph.constant('int64', [value], []));
  const count = graph.reshape(graph.shapeOf(tokens, path, 1, 2), [], path);
  const places = graph.node('Range', [zero, count, one], {}, path);
  const [asRow, asColumn] = [graph.reshape(places, [1, -1], path), graph.reshape(places, [-1, 1], path)];
  const distance = graph.node('Sub', [asRow, asColumn], {}, path); // key − query
  const bounds = [-LARGEST_DISTANCE, LARGEST_DISTANCE].map((value) => graph.constant('int64', [value], []));
  const bounded = graph.node('Clip', [distance, bounds[0], bounds[1]], {}, path);
  const row = graph.add(bounded, graph.constant('int64', [LARGEST_DISTANCE], []), path);
  const bucket = graph.node('Gather', [graph.constant('int64', buckets()), row], { axis: 0 }, path);
  const biases = graph.node('Gather', [table.weight('weight'), bucket], { axis: 0 }, path); // [tokens, tokens, heads]
  const perHead = graph.transpose(biases, [2, 0, 1], path);
  return graph.node('Unsqueeze', [perHead, graph.constant('int64', [0])], {}, path);
}

/**
 * The bucket of each distance from −128 to 128: 16 for each direction, of which the first eight are single distances and the rest
 * grow by their logarithm (in float32, as in the original program).
 */
function buckets(): number[] {
  const ofDistance = (distance: number) => {
    if (distance < 8) return distance;
    const share = Math.fround(Math.fround(Math.log(distance / 8)) / Math.fround(Math.log(LARGEST_DISTANCE / 8)));
    return Math.min(15, 8 + Math.floor(Math.fround(share * 8)));
  };
  return Array.from({ length: 2 * LARGEST_DISTANCE + 1 }, (_, i) => {
    const distance = i - LARGEST_DISTANCE;
    return (distance > 0 ? 16 : 0) + ofDistance(Math.abs(distance));
  });
}

/** Scores are not scaled: the weights were trained that way. */
function selfAttention(block: Layer, x: Value, bias: Value, shape: Value, { heads, headWidth }: T5Config): Value {
  const { graph, path } = block;
  const batchAndTokens = graph.node('Slice', [shape, ...[0, 2].map((at) => graph.constant('int64', [at]))], {}, path);
  const perHead = graph.concat([batchAndTokens, graph.constant('int64', [heads, headWidth])], 0, path);
  const [query, key, value] = ['q', 'k', 'v'].map((name) => graph.reshape(block.at(name).linear(x), perHead, path));
  const scores = graph.node('MatMul', [graph.transpose(query, [0, 2, 1, 3], path), graph.transpose(key, [0, 2, 3, 1], path)], {}, path);
  const weights = graph.node('Softmax', [graph.add(scores, bias, path)], { axis: -1 }, path);
  const attended = graph.node('MatMul', [weights, graph.transpose(value, [0, 2, 1, 3], path)], {}, path);
  const joined = graph.reshape(graph.transpose(attended, [0, 2, 1, 3], path), [-1, heads * headWidth], path);
  return block.at('o').linear(joined);
}

function gatedFeedForward(block: Layer, x: Value): Value {
  const { graph, path } = block;
  const gate = graph.tanhGelu(block.at('wi_0').linear(x), path);
  return block.at('wo').linear(graph.multiply(gate, block.at('wi_1').linear(x), path));
}

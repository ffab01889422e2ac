import { fail, type Component, type TextEncoderKind, type TextEncoderUse } from '@atelier/sdk';
import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { viewOf } from '../../checkpoints/weight-view.js';
import { GraphBuilder, type GraphSpec, type Value } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import { attend } from '../blocks/transformer.js';

/** Tokens that CLIP reads at once, begin and end marks included. */
export const TOKENS_PER_CHUNK = 77;
/** What ends a text, in every CLIP. */
const END_TOKEN = 49407;
/** All published CLIP text encoders have heads of this width. */
const HEAD_WIDTH = 64;

export interface ClipConfig {
  layers: number;
  width: number;
  heads: number;
  /** OpenAI's own model has its quick GELU; those of OpenCLIP the true one. */
  activation: 'quick-gelu' | 'gelu';
}

/**
 * Reads the text encoder's plan.
 *
 * @param heads what shapes do not tell; given only for the tiny models of the known answers.
 */
export function clipConfig(encoder: Component, kind: TextEncoderKind, heads?: number): ClipConfig {
  const { shape, count } = viewOf(encoder);
  const [, width] =
    shape('embeddings.token_embedding.weight') ?? fail(new CheckpointIncomplete(encoder.file, 'its text encoder has no token embeddings.'));
  const layers = count((i) => `encoder.layers.${i}.layer_norm1.weight`);
  if (layers === 0) throw new CheckpointIncomplete(encoder.file, 'its text encoder has no layers.');
  return { layers, width, heads: heads ?? width / HEAD_WIDTH, activation: kind === 'clip-l' ? 'quick-gelu' : 'gelu' };
}

/** How the states are read: see `TextEncoderUse`. */
export interface ClipReading extends Pick<TextEncoderUse, 'finalNorm' | 'pooled'> {
  layer: number;
  /** Some tokens are not of the vocabulary: what stands for them comes as further inputs. */
  takesEmbeddings?: boolean;
}

/**
 * CLIP's text encoder (Radford et al. 2021): a causal transformer whose states are the text as the network reads it.
 *
 * Input `tokens` [batch, 77], int32; with embeddings also `kept` [batch, 77, 1], which is 0 where something else stands for the token and 1
 * elsewhere, and `embedded` [batch, 77, width], which is that there and 0 elsewhere. Output `hidden` [batch, 77, width], and `pooled` [batch, width] where it is wanted: the last layer's
 * state at the first end token.
 */
export function clipGraph(encoder: Component, config: ClipConfig, reading: ClipReading): GraphSpec {
  const graph = new GraphBuilder('text-encoder');
  const clip = new Layer(graph, encoder);
  const tokens = graph.input('tokens', 'int32', ['batch', TOKENS_PER_CHUNK]);
  const batch = graph.shapeOf(tokens, 'embeddings', 0, 1);

  const known = clip.at('embeddings.token_embedding').embedding(tokens);
  const words = reading.takesEmbeddings ? withEmbeddings(graph, known, config) : known;
  const placed = graph.add(words, clip.at('embeddings.position_embedding').weight('weight'), 'embeddings');
  let x = graph.reshape(placed, [-1, config.width], 'embeddings'); // [batch · 77, width]
  const layerToRead = Math.max(1, config.layers - reading.layer + 1);
  const lastLayer = reading.pooled === 'none' ? layerToRead : config.layers;
  let hidden = x;
  for (let i = 0; i < lastLayer; i++) {
    x = encoderLayer(clip.at(`encoder.layers.${i}`), x, batch, config);
    if (i + 1 === layerToRead) hidden = x;
  }
  if (reading.finalNorm) hidden = clip.at('final_layer_norm').layerNorm(hidden);
  graph.output('hidden', rowsOfTokens(graph, hidden, config), ['batch', TOKENS_PER_CHUNK, config.width]);
  if (reading.pooled !== 'none') {
    const states = rowsOfTokens(graph, clip.at('final_layer_norm').layerNorm(x), config);
    const pooled = stateAtEnd(graph, tokens, states);
    graph.output('pooled', reading.pooled === 'projected' ? projected(clip, pooled) : pooled, ['batch', 'pooled width']);
  }
  return graph.finish();
}

function withEmbeddings(graph: GraphBuilder, words: Value, { width }: ClipConfig): Value {
  const kept = graph.multiply(words, graph.input('kept', 'float32', ['batch', TOKENS_PER_CHUNK, 1]), 'embeddings');
  return graph.add(kept, graph.input('embedded', 'float32', ['batch', TOKENS_PER_CHUNK, width]), 'embeddings');
}

function rowsOfTokens(graph: GraphBuilder, x: Value, { width }: ClipConfig): Value {
  return graph.reshape(x, [-1, TOKENS_PER_CHUNK, width], 'final_layer_norm');
}

/** The state at the first end token of each row: [batch, width]. */
function stateAtEnd(graph: GraphBuilder, tokens: Value, states: Value): Value {
  const isEnd = graph.node('Equal', [tokens, graph.constant('int32', [END_TOKEN])], {}, 'pooled');
  const place = graph.node('ArgMax', [graph.cast(isEnd, 'pooled')], { axis: 1, keepdims: 1, select_last_index: 0 }, 'pooled');
  return graph.node('GatherND', [states, place], { batch_dims: 1 }, 'pooled');
}

/** Into the space that text and pictures share. OpenCLIP stores the matrix the other way round, under a name of its own. */
function projected(clip: Layer, pooled: Value): Value {
  if (!clip.has('text_projection')) return clip.at('text_projection').linear(pooled);
  return clip.graph.node('Gemm', [pooled, clip.weight('text_projection')], {}, 'text_projection');
}

function encoderLayer(layer: Layer, x: Value, batch: Value, { heads, width, activation }: ClipConfig): Value {
  const { graph, path } = layer;
  const attended = graph.add(x, selfAttention(layer.at('self_attn'), layer.at('layer_norm1').layerNorm(x), batch, heads, width), path);
  const inner = layer.at('mlp.fc1').linear(layer.at('layer_norm2').layerNorm(attended));
  const activated = activation === 'gelu' ? graph.gelu(inner, path) : graph.quickGelu(inner, 1.702, path);
  return graph.add(attended, layer.at('mlp.fc2').linear(activated), path);
}

/** A token attends to itself and those before it. */
function selfAttention(block: Layer, x: Value, batch: Value, heads: number, width: number): Value {
  const [query, key, value] = ['q_proj', 'k_proj', 'v_proj'].map((name) => block.at(name).linear(x));
  return block.at('out_proj').linear(attend(block, { query, key, value }, { batch, heads, width, isCausal: true }));
}

import type { Checkpoint } from '../../checkpoints/safetensors-header.js';
import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { GraphBuilder, type GraphSpec, type Value } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import { attend } from '../blocks/transformer.js';
import type { ClipConfig } from './config.js';

/** Tokens that CLIP reads at once, begin and end marks included. */
export const TOKENS_PER_CHUNK = 77;

/**
 * CLIP's text encoder (Radford et al. 2021): a causal transformer whose last states are the text as the UNet reads it.
 *
 * Input `tokens` [batch, 77], int32. Output `hidden` [batch, 77, width].
 *
 * @param clipSkip 1 takes the last layer, 2 the one before it, and so on; the final norm follows in any case.
 */
export function textEncoderGraph(checkpoint: Checkpoint, config: ClipConfig, clipSkip: number): GraphSpec {
  if (config.layers === 0) throw new CheckpointIncomplete(checkpoint.file, 'its text encoder has no layers.');
  const graph = new GraphBuilder('text-encoder');
  const clip = new Layer(graph, checkpoint, config.prefix);
  const tokens = graph.input('tokens', 'int32', ['batch', TOKENS_PER_CHUNK]);
  const batch = graph.shapeOf(tokens, 'embeddings', 0, 1);

  const words = clip.at('embeddings.token_embedding').embedding(tokens);
  const placed = graph.add(words, clip.at('embeddings.position_embedding').weight('weight'), 'embeddings');
  let x = graph.reshape(placed, [-1, config.width], 'embeddings'); // [batch · 77, width]
  const lastLayer = Math.max(1, config.layers - clipSkip + 1);
  for (let i = 0; i < lastLayer; i++) x = encoderLayer(clip.at(`encoder.layers.${i}`), x, batch, config);
  const normal = clip.at('final_layer_norm').layerNorm(x);
  const hidden = graph.reshape(normal, [-1, TOKENS_PER_CHUNK, config.width], 'final_layer_norm');
  graph.output('hidden', hidden, ['batch', TOKENS_PER_CHUNK, config.width]);
  return graph.finish();
}

function encoderLayer(layer: Layer, x: Value, batch: Value, { heads, width }: ClipConfig): Value {
  const { graph, path } = layer;
  const attended = graph.add(x, selfAttention(layer.at('self_attn'), layer.at('layer_norm1').layerNorm(x), batch, heads, width), path);
  const inner = layer.at('mlp.fc1').linear(layer.at('layer_norm2').layerNorm(attended));
  return graph.add(attended, layer.at('mlp.fc2').linear(graph.quickGelu(inner, 1.702, path)), path);
}

/** A token attends to itself and those before it. */
function selfAttention(block: Layer, x: Value, batch: Value, heads: number, width: number): Value {
  const [query, key, value] = ['q_proj', 'k_proj', 'v_proj'].map((name) => block.at(name).linear(x));
  return block.at('out_proj').linear(attend(block, { query, key, value }, { batch, heads, width, isCausal: true }));
}

import type { Component, GraphOptions } from '@atelier/sdk';
import { GraphBuilder, type GraphSpec, type Value } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import { gated, modulated, modulations } from '../blocks/modulation.js';
import { imageOfPatches, patches, patchGrid, sliced } from '../blocks/patches.js';
import { rmsNorm } from '../blocks/rms-norm.js';
import { attend, perSample, tokenRows } from '../blocks/transformer.js';
import { sinusoids } from '../blocks/unet-blocks.js';
import type { FluxConfig } from './config.js';
import { turned, turnsOf, type Turns } from './rotary.js';

/** Time and guidance are told in thousandths. */
const TOLD_IN = 1000;
const WAVES = 256;

/** What all blocks are told. Tokens are [batch, tokens, width], those of the text first. */
interface Surroundings {
  width: number;
  heads: number;
  /** [1], int64, as is `textTokens`. */
  batch: Value;
  textTokens: Value;
  turns: Turns;
  /** Time, guidance and text in one vector, [batch, width], activated. */
  vector: Value;
}

/**
 * The rectified flow transformer of Black Forest Labs (2024): text and picture side by side, first with weights of their own, then with
 * shared ones.
 *
 * Inputs `x` [batch, channels, height, width], `timesteps` [batch] (the level, 0 … 1), `context` [batch, tokens, width] (T5), `vector` [batch,
 * width] (CLIP-L); `guidance` [batch] where the model takes it; `beside` [batch, more channels, height, width] where it takes more than the
 * latent, which in Fill is the mask (64 channels: 8 × 8 pixels of each cell), then the masked picture.
 * Output `prediction` [batch, channels, height, width]. Any batch and size; sides need not be even.
 */
export function fluxGraph(model: Component, config: FluxConfig, { mostPieces, arithmetic }: GraphOptions): GraphSpec {
  const graph = new GraphBuilder('flux', arithmetic);
  const flux = new Layer(graph, model);
  const { width, heads, inChannels, outChannels } = config;
  const x = graph.input('x', 'float32', ['batch', outChannels, 'height', 'width']);
  const timesteps = graph.exactInput('timesteps', ['batch']);
  const context = graph.input('context', 'float32', ['batch', 'tokens', config.contextWidth]);
  const pooled = graph.input('vector', 'float32', ['batch', config.vectorWidth]);

  let vector = graph.add(amountEmbedding(flux.at('time_in'), timesteps), vectorEmbedding(flux.at('vector_in'), pooled), 'vector_in');
  if (config.takesGuidance) {
    vector = graph.add(vector, amountEmbedding(flux.at('guidance_in'), graph.exactInput('guidance', ['batch'])), 'guidance_in');
  }
  const grid = patchGrid(graph, x, 'img_in');
  const batch = graph.shapeOf(x, 'img_in', 0, 1);
  const textTokens = graph.shapeOf(context, 'txt_in', 1, 2);
  const turns = turnsOf(graph, textTokens, grid, config.axes);
  const around: Surroundings = { width, heads, batch, textTokens, turns, vector: graph.silu(vector, 'vector') };

  const seen = inChannels === outChannels ? x : graph.concat([x, ...besides(graph, config)], 1, 'img_in');
  let image = perSample(graph, flux.at('img_in').linear(patches(graph, seen, inChannels, grid, 'img_in')), around, 'img_in');
  let text = perSample(graph, flux.at('txt_in').linear(graph.reshape(context, [-1, config.contextWidth], 'txt_in')), around, 'txt_in');
  for (let i = 0; i < config.doubleBlocks; i++) {
    ({ image, text } = doubleBlock(flux.at('double_blocks').at(i), { image, text }, around));
    graph.yieldPoint();
  }
  let tokens = graph.concat([text, image], 1, 'single_blocks');
  for (let i = 0; i < config.singleBlocks; i++) {
    tokens = singleBlock(flux.at('single_blocks').at(i), tokens, around);
    graph.yieldPoint();
  }

  const last = flux.at('final_layer');
  const [shift, scale] = modulations(last.at('adaLN_modulation.1'), around.vector, 2);
  const painted = modulated(graph, sliced(graph, tokens, 1, textTokens, undefined, last.path), { shift, scale, width }, last.path);
  const answer = last.at('linear').linear(tokenRows(graph, painted, width, last.path));
  const prediction = imageOfPatches(graph, answer, x, { channels: outChannels, order: 'channel first' }, grid, last.path);
  graph.output('prediction', prediction, ['batch', outChannels, 'height', 'width']);
  return graph.finish({ mostPieces });
}

/** What lies beside the latent, in the order in which the network wants it: the picture before its mask. */
function besides(graph: GraphBuilder, { inChannels, outChannels }: FluxConfig): Value[] {
  const channels = inChannels - outChannels;
  const beside = graph.input('beside', 'float32', ['batch', channels, 'height', 'width']);
  const maskChannels = channels - outChannels;
  if (maskChannels === 0) return [beside];
  return [sliced(graph, beside, 1, maskChannels, undefined, 'img_in'), sliced(graph, beside, 1, 0, maskChannels, 'img_in')];
}

/** Text and picture attend to both together; everything else each does by itself. */
function doubleBlock(block: Layer, streams: { image: Value; text: Value }, around: Surroundings): { image: Value; text: Value } {
  const { graph, path } = block;
  const { width, textTokens } = around;
  const [text, image] = (['txt', 'img'] as const).map((name) => {
    const x = name === 'txt' ? streams.text : streams.image;
    const [shift, scale, gate, ...ofMlp] = modulations(block.at(`${name}_mod.lin`), around.vector, 6);
    const attention = block.at(`${name}_attn`);
    const rows = tokenRows(graph, modulated(graph, x, { shift, scale, width }, attention.path), width, attention.path);
    return { name, x, gate, ofMlp, attention, ...projections(attention.at('qkv'), attention.at('norm'), rows, around) };
  });
  const together = (part: 'query' | 'key' | 'value') => graph.concat([text[part], image[part]], 1, path);
  const attended = perSample(
    graph,
    attention(block, { query: together('query'), key: together('key'), value: together('value') }, around),
    around,
    path,
  );
  const [textAfter, imageAfter] = [
    { ...text, seen: sliced(graph, attended, 1, 0, textTokens, path) },
    { ...image, seen: sliced(graph, attended, 1, textTokens, undefined, path) },
  ].map((stream) => {
    const [shift, scale, gate] = stream.ofMlp;
    const told = stream.attention.at('proj').linear(tokenRows(graph, stream.seen, width, path));
    const x = gated(graph, stream.x, told, stream.gate, around, path);
    const mlp = block.at(`${stream.name}_mlp`);
    const inner = mlp.at(0).linear(tokenRows(graph, modulated(graph, x, { shift, scale, width }, mlp.path), width, mlp.path));
    return gated(graph, x, mlp.at(2).linear(graph.tanhGelu(inner, mlp.path)), gate, around, mlp.path);
  });
  return { text: graph.bounded(textAfter, path), image: imageAfter };
}

/** Attention and feed-forward beside each other (Dehghani et al. 2023). */
function singleBlock(block: Layer, x: Value, around: Surroundings): Value {
  const { graph, path } = block;
  const { width } = around;
  const [shift, scale, gate] = modulations(block.at('modulation.lin'), around.vector, 3);
  const rows = tokenRows(graph, modulated(graph, x, { shift, scale, width }, path), width, path);
  const inward = block.at('linear1');
  const attended = attention(block, projections(inward, block.at('norm'), rows, around), around);
  const inner = graph.tanhGelu(inward.linearRows(rows, 3 * width, inward.outputWidth), path);
  const told = block.at('linear2').linear(graph.concat([attended, inner], 1, path));
  return graph.bounded(gated(graph, x, told, gate, around, path), path);
}

interface Projections {
  query: Value;
  key: Value;
  value: Value;
}

/** Query, key and value [batch, tokens, width] of rows [batch · tokens, width]; every head's query and key of length √(head width). */
function projections(linear: Layer, norms: Layer, rows: Value, around: Surroundings): Projections {
  const { graph, path } = linear;
  const { width, heads } = around;
  const [query, key, value] = [0, 1, 2].map((part) => linear.linearRows(rows, part * width, (part + 1) * width));
  const normal = (norm: string, x: Value) => rmsNorm(norms.at(norm), graph.reshape(x, [-1, width / heads], path), { scale: 'scale' });
  return {
    query: perSample(graph, normal('query_norm', query), around, path),
    key: perSample(graph, normal('key_norm', key), around, path),
    value: perSample(graph, value, around, path),
  };
}

/** Of all tokens to all, wherever they are: [batch · tokens, width]. */
function attention(block: Layer, { query, key, value }: Projections, { batch, heads, width, turns }: Surroundings): Value {
  const { graph, path } = block;
  return attend(block, { query: turned(graph, query, turns, path), key: turned(graph, key, turns, path), value }, { batch, heads, width });
}

/** Of a level or a strength, [batch]. */
function amountEmbedding(embed: Layer, amount: Value): Value {
  const told = embed.graph.multiply(amount, embed.graph.constant('float32', [TOLD_IN]), embed.path);
  return vectorEmbedding(embed, sinusoids(embed, told, WAVES));
}

function vectorEmbedding(embed: Layer, vector: Value): Value {
  return embed.at('out_layer').linear(embed.graph.silu(embed.at('in_layer').linear(vector), embed.path));
}

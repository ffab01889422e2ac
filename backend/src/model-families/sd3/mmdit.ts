import type { Component, GraphOptions } from '@atelier/sdk';
import { GraphBuilder, type GraphSpec, type Value } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import { gated, modulated, modulations } from '../blocks/modulation.js';
import { imageOfPatches, patches, patchGrid, sliced, type PatchGrid } from '../blocks/patches.js';
import { rmsNorm } from '../blocks/rms-norm.js';
import { attend, perSample, tokenRows } from '../blocks/transformer.js';
import { timeEmbedding, vectorEmbedding } from '../blocks/unet-blocks.js';
import { sd3Config, type Sd3Config } from './config.js';

const WAVES = 256;

/** What all blocks are told. Tokens are [batch, tokens, width], those of the text first. */
interface Surroundings {
  width: number;
  heads: number;
  /** [1], int64, as is `textTokens`. */
  batch: Value;
  textTokens: Value;
  /** Time and text in one vector, [batch, width], activated. */
  vector: Value;
}

/**
 * The multimodal diffusion transformer of Stable Diffusion 3 (Esser et al. 2024): text and picture each have weights of their own and attend
 * to both together. In SD3.5 medium the picture also attends to itself alone in the first blocks.
 *
 * Inputs `x` [batch, 16, height, width], `timesteps` [batch] (0 … 1000), `context` [batch, tokens, 4096], `vector` [batch, 2048].
 * Output `prediction`, shaped like `x`. Any batch; sides up to twice the square of known places, and need not be even.
 */
export function mmditGraph(model: Component, { mostPieces, arithmetic }: GraphOptions): GraphSpec {
  const config = sd3Config(model);
  const graph = new GraphBuilder('mmdit', arithmetic);
  const mmdit = new Layer(graph, model);
  const { width, heads, channels } = config;
  const x = graph.input('x', 'float32', ['batch', channels, 'height', 'width']);
  const timesteps = graph.exactInput('timesteps', ['batch']);
  const context = graph.input('context', 'float32', ['batch', 'tokens', config.contextWidth]);
  const pooled = graph.input('vector', 'float32', ['batch', config.vectorWidth]);

  const time = timeEmbedding(mmdit.at('t_embedder.mlp'), timesteps, WAVES);
  const vector = graph.add(time, vectorEmbedding(mmdit.at('y_embedder.mlp'), pooled), 'y_embedder');
  const batch = graph.shapeOf(x, 'x_embedder', 0, 1);
  const textTokens = graph.shapeOf(context, 'context_embedder', 1, 2);
  const around: Surroundings = { width, heads, batch, textTokens, vector: graph.silu(vector, 'vector') };

  const grid = patchGrid(graph, x, 'x_embedder');
  const seen = mmdit.at('x_embedder.proj').linear(patches(graph, x, channels, grid, 'x_embedder'));
  let image = graph.add(perSample(graph, seen, around, 'x_embedder'), places(mmdit, grid, config), 'pos_embed');
  const words = mmdit.at('context_embedder').linear(tokenRows(graph, context, config.contextWidth, 'context_embedder'));
  let text: Value | undefined = perSample(graph, words, around, 'context_embedder');
  for (let i = 0; i < config.blocks; i++) {
    ({ image, text } = jointBlock(mmdit.at('joint_blocks').at(i), { image, text }, around));
    graph.yieldPoint();
  }

  const last = mmdit.at('final_layer');
  const [shift, scale] = modulations(last.at('adaLN_modulation.1'), around.vector, 2);
  const painted = tokenRows(graph, modulated(graph, image, { shift, scale, width }, last.path), width, last.path);
  const prediction = imageOfPatches(graph, last.at('linear').linear(painted), x, { channels, order: 'cell first' }, grid, last.path);
  graph.output('prediction', prediction, ['batch', channels, 'height', 'width']);
  return graph.finish({ mostPieces });
}

/** What tells each patch its place, cut from the middle of the square of known places: [1, rows · columns, width]. */
function places(mmdit: Layer, { rows, columns }: PatchGrid, { placesSide, width }: Sd3Config): Value {
  const { graph } = mmdit;
  const at = 'pos_embed';
  const middle = [rows, columns].reduce(
    (square, count, i) => {
      const side = graph.constant('int64', [placesSide]);
      const from = graph.node('Div', [graph.node('Sub', [side, count], {}, at), graph.constant('int64', [2])], {}, at);
      return sliced(graph, square, i + 1, from, graph.add(from, count, at), at);
    },
    mmdit.weight('pos_embed', [1, placesSide, placesSide, width]),
  );
  return graph.reshape(middle, [1, -1, width], at);
}

/** Both streams of a block. The last block leaves the text behind when it has been read. */
function jointBlock(block: Layer, streams: { image: Value; text?: Value }, around: Surroundings): { image: Value; text?: Value } {
  const { graph, path } = block;
  const text = enter(block.at('context_block'), streams.text!, around);
  const image = enter(block.at('x_block'), streams.image, around);
  const together = (part: keyof Projections) => graph.concat([text.projections[part], image.projections[part]], 1, path);
  const attended = perSample(
    graph,
    attend(block, { query: together('query'), key: together('key'), value: together('value') }, around),
    around,
    path,
  );
  const ofText = sliced(graph, attended, 1, 0, around.textTokens, path);
  const ofImage = sliced(graph, attended, 1, around.textTokens, undefined, path);
  const imageAfter = leave(image, ofImage, around);
  return text.block.has('mlp.fc1.weight') ? { image: imageAfter, text: leave(text, ofText, around) } : { image: imageAfter };
}

/** A stream on its way through a block: itself, what it asks and tells, and how the rest of the block is modulated. */
interface Entered {
  block: Layer;
  x: Value;
  projections: Projections;
  /** Gate of attention, then shift, scale and gate of the feed-forward; in blocks with attention of their own, its shift, scale and gate. */
  modulation: readonly Value[];
}

function enter(block: Layer, x: Value, around: Surroundings): Entered {
  const { graph } = block;
  const { width, vector } = around;
  const modulation = block.at('adaLN_modulation.1');
  const [shift, scale, ...rest] = modulations(modulation, vector, modulation.outputWidth / width);
  const projections = projected(block.at('attn'), modulated(graph, x, { shift, scale, width }, block.path), around);
  return { block, x, projections, modulation: rest };
}

/** What follows attention, by itself for each stream. */
function leave({ block, x: before, modulation }: Entered, attended: Value, around: Surroundings): Value {
  const { graph, path } = block;
  const { width } = around;
  const [gateOfAttention, shift, scale, gate, ...ofOwn] = modulation;
  let x = gated(graph, before, block.at('attn.proj').linear(tokenRows(graph, attended, width, path)), gateOfAttention, around, path);
  if (block.has('attn2.qkv.weight')) {
    const own = block.at('attn2');
    const asked = projected(own, modulated(graph, before, { shift: ofOwn[0], scale: ofOwn[1], width }, own.path), around);
    x = gated(graph, x, own.at('proj').linear(attend(own, asked, around)), ofOwn[2], around, own.path);
  }
  const inner = block.at('mlp.fc1').linear(tokenRows(graph, modulated(graph, x, { shift, scale, width }, path), width, path));
  return gated(graph, x, block.at('mlp.fc2').linear(graph.tanhGelu(inner, path)), gate, around, path);
}

interface Projections {
  query: Value;
  key: Value;
  value: Value;
}

/** Query, key and value, [batch, tokens, width] each; where there are norms, every head's query and key go through them. */
function projected(attention: Layer, x: Value, around: Surroundings): Projections {
  const { graph, path } = attention;
  const { width, heads } = around;
  const rows = tokenRows(graph, x, width, path);
  const [query, key, value] = [0, 1, 2].map((part) => attention.at('qkv').linearRows(rows, part * width, (part + 1) * width));
  const normal = (norm: string, projection: Value) =>
    attention.has(`${norm}.weight`) ? rmsNorm(attention.at(norm), tokenRows(graph, projection, width / heads, path)) : projection;
  return {
    query: perSample(graph, normal('ln_q', query), around, path),
    key: perSample(graph, normal('ln_k', key), around, path),
    value: perSample(graph, value, around, path),
  };
}

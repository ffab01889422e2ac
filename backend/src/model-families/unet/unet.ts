import type { Component, GraphOptions } from '@atelier/sdk';
import { GraphBuilder, type GraphSpec, type Value } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import { spatialTransformer } from '../blocks/transformer.js';
import { downsample, resBlock, timeEmbedding, upsample, vectorEmbedding } from '../blocks/unet-blocks.js';
import { headsOf, type UnetConfig } from './config.js';

/**
 * The UNet of Stable Diffusion 1, 2 and XL (Rombach et al. 2022; Podell et al. 2023): down through the levels, remembering
 * every state, and up again with the remembered ones beside.
 *
 * Inputs `x` [batch, channels, height, width], `timesteps` [batch] (0 … 999, fractions allowed), `context` [batch, tokens, width]; `vector`
 * [batch, width] where the model has one, `beside` [batch, more channels, height, width] where it takes more than the latent.
 * Output `prediction` [batch, channels, height, width]. Any batch and size; sides need not be even.
 */
export function unetGraph(model: Component, config: UnetConfig, { mostPieces, arithmetic }: GraphOptions): GraphSpec {
  const graph = new GraphBuilder('unet', arithmetic);
  const unet = new Layer(graph, model);
  const latent = graph.input('x', 'float32', ['batch', config.outChannels, 'height', 'width']);
  const timesteps = graph.exactInput('timesteps', ['batch']);
  const text = graph.input('context', 'float32', ['batch', 'tokens', config.contextWidth]);
  const moreChannels = config.inChannels - config.outChannels;
  const x =
    moreChannels === 0
      ? latent
      : graph.concat([latent, graph.input('beside', 'float32', ['batch', moreChannels, 'height', 'width'])], 1, 'x');

  let time = timeEmbedding(unet.at('time_embed'), timesteps, config.modelChannels);
  if (config.vectorWidth !== undefined) {
    const vector = graph.input('vector', 'float32', ['batch', config.vectorWidth]);
    time = graph.add(time, vectorEmbedding(unet.at('label_emb.0'), vector), 'label_emb');
  }
  const context = graph.reshape(text, [-1, config.contextWidth], 'context'); // [batch · tokens, width]
  const batch = graph.shapeOf(latent, 'batch', 0, 1);
  const transformed = (block: Layer, h: Value, depth = 0) => {
    if (depth <= 0) return h;
    const place = block.at(1);
    return spatialTransformer(place, h, depth, { context, batch, heads: headsOf(config.attention, place.at('proj_in').outputWidth) });
  };

  let h = unet.at('input_blocks.0.0').conv(x);
  const skips = [h];
  const depths = [...config.depths];
  let inputBlock = 1;
  for (const [level, count] of config.resBlocks.entries()) {
    for (let i = 0; i < count; i++) {
      const block = unet.at('input_blocks').at(inputBlock++);
      h = transformed(block, resBlock(block.at(0), h, time), depths.shift());
      skips.push(h);
      graph.yieldPoint();
    }
    if (level < config.resBlocks.length - 1) {
      h = downsample(unet.at('input_blocks').at(inputBlock++).at(0), h);
      skips.push(h);
    }
  }

  const middle = unet.at('middle_block');
  if (config.middleDepth >= -1) h = resBlock(middle.at(0), h, time);
  if (config.middleDepth >= 0) {
    h = transformed(middle, h, config.middleDepth);
    h = resBlock(middle.at(2), h, time);
  }
  graph.yieldPoint();

  let outputBlock = 0;
  for (const [level, count] of [...config.resBlocks.entries()].reverse()) {
    for (let i = 0; i <= count; i++) {
      const block = unet.at('output_blocks').at(outputBlock);
      const depth = config.outputDepths[outputBlock++];
      h = graph.concat([h, ...skips.splice(-1)], 1, block.path);
      h = transformed(block, resBlock(block.at(0), h, time), depth);
      if (level > 0 && i === count) h = upsample(block.at(depth > 0 ? 2 : 1), h, skips[skips.length - 1]);
      graph.yieldPoint();
    }
  }

  h = graph.silu(unet.at('out.0').groupNorm(h, 1e-5), 'out');
  graph.output('prediction', unet.at('out.2').conv(h), ['batch', config.outChannels, 'height', 'width']);
  return graph.finish({ mostPieces });
}

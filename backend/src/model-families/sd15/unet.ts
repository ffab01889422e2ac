import type { Checkpoint } from '../../checkpoints/safetensors-header.js';
import { GraphBuilder, type GraphSpec, type Value } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import { spatialTransformer } from '../blocks/transformer.js';
import { downsample, resBlock, timeEmbedding, upsample } from '../blocks/unet-blocks.js';
import type { UnetConfig } from './config.js';

/**
 * The UNet of Stable Diffusion 1 (Rombach et al. 2022): down through the levels, remembering every state, and up again
 * with the remembered ones beside.
 *
 * Inputs `x` [batch, in, height, width], `timesteps` [batch] (0 … 999, fractions allowed), `context` [batch, tokens, width].
 * Output `prediction` [batch, out, height, width]. Any batch and size; sides need not be even.
 */
export function unetGraph(checkpoint: Checkpoint, config: UnetConfig): GraphSpec {
  const graph = new GraphBuilder('unet');
  const unet = new Layer(graph, checkpoint, config.prefix);
  const x = graph.input('x', 'float32', ['batch', config.inChannels, 'height', 'width']);
  const timesteps = graph.input('timesteps', 'float32', ['batch']);
  const text = graph.input('context', 'float32', ['batch', 'tokens', config.contextWidth]);

  const time = timeEmbedding(unet.at('time_embed'), timesteps, config.modelChannels);
  const context = graph.reshape(text, [-1, config.contextWidth], 'context'); // [batch · tokens, width]
  const attention = { context, batch: graph.shapeOf(x, 'batch', 0, 1), heads: config.heads };
  const transformed = (block: Layer, h: Value, depth = 0) => (depth > 0 ? spatialTransformer(block.at(1), h, depth, attention) : h);

  let h = unet.at('input_blocks.0.0').conv(x);
  const skips = [h];
  const depths = [...config.depths];
  let inputBlock = 1;
  for (const [level, count] of config.resBlocks.entries()) {
    for (let i = 0; i < count; i++) {
      const block = unet.at('input_blocks').at(inputBlock++);
      h = transformed(block, resBlock(block.at(0), h, time), depths.shift());
      skips.push(h);
    }
    if (level < config.resBlocks.length - 1) {
      h = downsample(unet.at('input_blocks').at(inputBlock++).at(0), h);
      skips.push(h);
    }
  }

  const middle = unet.at('middle_block');
  h = resBlock(middle.at(0), h, time);
  h = transformed(middle, h, config.middleDepth);
  h = resBlock(middle.at(2), h, time);

  let outputBlock = 0;
  for (const [level, count] of [...config.resBlocks.entries()].reverse()) {
    for (let i = 0; i <= count; i++) {
      const block = unet.at('output_blocks').at(outputBlock);
      const depth = config.outputDepths[outputBlock++];
      h = graph.concat([h, ...skips.splice(-1)], 1, block.path);
      h = transformed(block, resBlock(block.at(0), h, time), depth);
      if (level > 0 && i === count) h = upsample(block.at(depth > 0 ? 2 : 1), h, skips[skips.length - 1]);
    }
  }

  h = graph.silu(unet.at('out.0').groupNorm(h, 1e-5), 'out');
  graph.output('prediction', unet.at('out.2').conv(h), ['batch', config.outChannels, 'height', 'width']);
  return graph.finish();
}

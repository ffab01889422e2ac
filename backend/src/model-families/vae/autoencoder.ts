import { fail, type Component } from '@atelier/sdk';
import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { viewOf } from '../../checkpoints/weight-view.js';
import { GraphBuilder, type GraphSpec } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import { vaeMiddle, vaeOutput, vaeResBlock } from '../blocks/vae-blocks.js';

export interface AutoencoderConfig {
  /** Of the latent. */
  channels: number;
  levels: number;
  /** Residual blocks of a level. */
  encoderBlocks: number;
  decoderBlocks: number;
}

/** Reads the VAE's plan. */
export function autoencoderConfig(vae: Component): AutoencoderConfig {
  const { shape, count } = viewOf(vae);
  const [, channels] = shape('decoder.conv_in.weight') ?? fail(new CheckpointIncomplete(vae.file, 'its VAE has no decoder.'));
  return {
    channels,
    levels: count((level) => `decoder.up.${level}.block.0.norm1.weight`),
    encoderBlocks: count((block) => `encoder.down.0.block.${block}.norm1.weight`),
    decoderBlocks: count((block) => `decoder.up.0.block.${block}.norm1.weight`),
  };
}

/**
 * The VAE's decoder (Esser et al. 2021): from the latent up through the levels to pixels.
 *
 * Input `latent` [batch, channels, height / 8, width / 8] in the VAE's own scale. Output `image` [batch, 3, height, width], about −1 … 1.
 */
export function decoderGraph(component: Component, config: AutoencoderConfig): GraphSpec {
  const graph = new GraphBuilder('vae-decoder');
  const vae = new Layer(graph, component);
  const decoder = vae.at('decoder');
  const latent = graph.input('latent', 'float32', ['batch', config.channels, 'height', 'width']);

  let h = vae.has('post_quant_conv.weight') ? vae.at('post_quant_conv').conv(latent) : latent;
  h = vaeMiddle(decoder.at('mid'), decoder.at('conv_in').conv(h));
  for (let level = config.levels - 1; level >= 0; level--) {
    const up = decoder.at('up').at(level);
    for (let block = 0; block < config.decoderBlocks; block++) h = vaeResBlock(up.at('block').at(block), h);
    if (level > 0) h = up.at('upsample.conv').conv(graph.enlarge(h, 'twice', up.path));
  }
  graph.output('image', vaeOutput(decoder, h), ['batch', 3, 'image height', 'image width']);
  return graph.finish();
}

/**
 * The VAE's encoder.
 *
 * Input `image` [batch, 3, height, width] in −1 … 1, sides multiples of 8. Outputs `mean` and `logvar` [batch, channels, height / 8,
 * width / 8] of the latent, in the VAE's own scale; `logvar` is not clamped.
 */
export function encoderGraph(component: Component, config: AutoencoderConfig): GraphSpec {
  const graph = new GraphBuilder('vae-encoder');
  const vae = new Layer(graph, component);
  const encoder = vae.at('encoder');
  const image = graph.input('image', 'float32', ['batch', 3, 'image height', 'image width']);

  let h = encoder.at('conv_in').conv(image);
  for (let level = 0; level < config.levels; level++) {
    const down = encoder.at('down').at(level);
    for (let block = 0; block < config.encoderBlocks; block++) h = vaeResBlock(down.at('block').at(block), h);
    // padded at the right and the bottom only, as it was trained
    if (level < config.levels - 1) h = down.at('downsample.conv').conv(h, { stride: 2, pads: [0, 0, 1, 1] });
  }
  h = vaeOutput(encoder, vaeMiddle(encoder.at('mid'), h));
  const moments = vae.has('quant_conv.weight') ? vae.at('quant_conv').conv(h) : h; // [batch, 2 · channels, …]: mean, then logvar
  for (const [i, name] of ['mean', 'logvar'].entries()) {
    const bounds = [i * config.channels, (i + 1) * config.channels, 1].map((at) => graph.constant('int64', [at]));
    const part = graph.node('Slice', [moments, bounds[0], bounds[1], bounds[2]], {}, name);
    graph.output(name, part, ['batch', config.channels, 'height', 'width']);
  }
  return graph.finish();
}

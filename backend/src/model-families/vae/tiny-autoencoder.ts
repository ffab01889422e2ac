import { AppError, fail, type Component, type StoredTensor, type StoredTensors } from '@atelier/sdk';
import { CheckpointIncomplete } from '../../checkpoints/errors.js';
import { GraphBuilder, type GraphSpec, type Value } from '../../onnx/graph-builder.js';
import { Layer } from '../blocks/layer.js';
import type { Vae } from './vae.js';

/** A tiny autoencoder was to do what it has no file for. */
export class TinyAutoencoderIncomplete extends AppError {
  readonly code = 'tiny-autoencoder-incomplete';
  constructor(name: string, half: 'encoder' | 'decoder') {
    super(`The tiny autoencoder "${name}" has no ${half}.`, `Put ${name}_${half}.safetensors beside it, or choose another VAE.`);
  }
}

/**
 * The halves of a tiny autoencoder (madebyollin/taesd) that a file holds, in the names of its first release: a row of layers, counted from 0.
 * The release for diffusers holds both halves, and does not count the clamp that the decoder begins with.
 */
export function tinyHalvesOf(file: string, tensors: StoredTensors): { encoder?: Component; decoder?: Component } {
  const half = (prefix: string, uncounted: number): Component | undefined => {
    const named = [...tensors].flatMap(([name, stored]): [string, StoredTensor][] => {
      const [, layer, rest] = new RegExp(`^${prefix}(\\d+)\\.(.+)$`).exec(name) ?? [];
      return layer === undefined ? [] : [[`${Number(layer) + uncounted}.${rest}`, stored]];
    });
    return named.length === 0 ? undefined : { file, tensors: new Map(named) };
  };
  const alone = half('', 0);
  if (alone?.tensors.has('0.weight')) return { encoder: alone };
  if (alone?.tensors.has('1.weight')) return { decoder: alone };
  return { encoder: half('encoder\\.layers\\.', 0), decoder: half('decoder\\.layers\\.', 1) };
}

/** A tiny autoencoder of the halves there are. It speaks the latents of the diffusion model, without scale and shift. */
export function tinyVae(name: string, { encoder, decoder }: { encoder?: Component; decoder?: Component }): Vae {
  const present = decoder ?? encoder ?? fail(new TinyAutoencoderIncomplete(name, 'decoder'));
  const missing = (half: 'encoder' | 'decoder') => ({ weights: present, graph: () => fail(new TinyAutoencoderIncomplete(name, half)) });
  return {
    channels: decoder ? shapeOf(decoder, '1.weight')[1] : shapeOf(present, `${lastLayer(present)}.weight`)[0],
    scale: 'model',
    decoder: decoder ? { weights: decoder, graph: () => tinyDecoderGraph(decoder) } : missing('decoder'),
    encoder: encoder ? { weights: encoder, graph: () => tinyEncoderGraph(encoder) } : missing('encoder'),
  };
}

/**
 * The decoder: convolutions and blocks of them in one row, with the size doubled three times.
 *
 * Input `latent` [batch, channels, height / 8, width / 8] as the diffusion model has it. Output `image` [batch, 3, height, width], about −1 … 1.
 */
function tinyDecoderGraph(component: Component): GraphSpec {
  const graph = new GraphBuilder('tiny-decoder');
  const decoder = new Layer(graph, component);
  const channels = shapeOf(component, '1.weight')[1];
  const latent = graph.input('latent', 'float32', ['batch', channels, 'height', 'width']);

  const three = graph.constant('float32', [3], []);
  const bounded = graph.node('Tanh', [graph.node('Div', [latent, three], {}, 'clamp')], {}, 'clamp');
  let h = relu(decoder.at(1), decoder.at(1).conv(graph.multiply(bounded, three, 'clamp')));
  for (let i = 3; i <= lastLayer(component); i++) {
    const layer = decoder.at(i);
    if (layer.has('conv.0.weight')) h = block(layer, h);
    else h = layer.has('weight') ? layer.conv(h, { hasBias: layer.has('bias') }) : graph.enlarge(h, 'twice', layer.path);
  }
  const doubled = graph.multiply(h, graph.constant('float32', [2], []), 'image');
  graph.output('image', graph.add(doubled, graph.constant('float32', [-1], []), 'image'), ['batch', 3, 'image height', 'image width']);
  return graph.finish();
}

/**
 * The encoder. A convolution without bias halves the size.
 *
 * Input `image` [batch, 3, height, width] in −1 … 1, sides multiples of 8. Output `mean` [batch, channels, height / 8, width / 8] as the
 * diffusion model has it.
 */
function tinyEncoderGraph(component: Component): GraphSpec {
  const graph = new GraphBuilder('tiny-encoder');
  const encoder = new Layer(graph, component);
  const image = graph.input('image', 'float32', ['batch', 3, 'image height', 'image width']);

  const half = graph.constant('float32', [0.5], []);
  let h = graph.add(graph.multiply(image, half, 'image'), half, 'image'); // 0 … 1
  for (let i = 0; i <= lastLayer(component); i++) {
    const layer = encoder.at(i);
    if (layer.has('conv.0.weight')) h = block(layer, h);
    else h = layer.has('bias') ? layer.conv(h) : layer.conv(h, { stride: 2, hasBias: false });
  }
  graph.output('mean', h, ['batch', shapeOf(component, `${lastLayer(component)}.weight`)[0], 'height', 'width']);
  return graph.finish();
}

/** Three convolutions beside a connection that skips them. */
function block(layer: Layer, x: Value): Value {
  const { graph, path } = layer;
  let h = relu(layer, layer.at('conv.0').conv(x));
  h = relu(layer, layer.at('conv.2').conv(h));
  h = layer.at('conv.4').conv(h);
  const skip = layer.has('skip.weight') ? layer.at('skip').conv(x, { hasBias: false }) : x;
  return relu(layer, graph.add(h, skip, path));
}

function relu({ graph, path }: Layer, x: Value): Value {
  return graph.node('Relu', [x], {}, path);
}

/** The number of the last layer that has weights. */
function lastLayer({ tensors }: Component): number {
  return Math.max(...[...tensors.keys()].map((name) => Number.parseInt(name)));
}

function shapeOf({ file, tensors }: Component, name: string): readonly number[] {
  return (tensors.get(name) ?? fail(new CheckpointIncomplete(file, `it has no tensor "${name}".`))).shape;
}

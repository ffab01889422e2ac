import type { Value } from '../../onnx/graph-builder.js';
import type { Layer } from './layer.js';

/** Residual block of the UNet: two convolutions, with the time added between them (Dhariwal & Nichol 2021, appendix A). */
export function resBlock(block: Layer, x: Value, time: Value): Value {
  const { graph } = block;
  let h = block.at('in_layers.0').groupNorm(x, 1e-5);
  h = block.at('in_layers.2').conv(graph.silu(h, block.path));
  const shift = block.at('emb_layers.1').linear(graph.silu(time, block.path)); // [batch, out]
  h = graph.add(h, graph.reshape(shift, [0, 0, 1, 1], block.path), block.path);
  h = block.at('out_layers.0').groupNorm(h, 1e-5);
  h = block.at('out_layers.3').conv(graph.silu(h, block.path));
  const skip = block.has('skip_connection.weight') ? block.at('skip_connection').conv(x) : x;
  return graph.add(skip, h, block.path);
}

/** Halves height and width, rounding up. */
export function downsample(block: Layer, x: Value): Value {
  return block.at('op').conv(x, { stride: 2 });
}

/** Enlarges to the size of `like`, which is one less than twice the size where a side was odd. */
export function upsample(block: Layer, x: Value, like: Value): Value {
  return block.at('conv').conv(block.graph.enlarge(x, like, block.path));
}

/**
 * The two-layer embedding of the timestep.
 *
 * @param timesteps [batch], float32, 0 … 999, fractional between.
 * @returns [batch, 4 · modelChannels]
 */
export function timeEmbedding(embed: Layer, timesteps: Value, modelChannels: number): Value {
  return vectorEmbedding(embed, sinusoids(embed, timesteps, modelChannels));
}

/** Two linear layers with an activation between, named `0` and `2`. */
export function vectorEmbedding(embed: Layer, vector: Value): Value {
  return embed.at(2).linear(embed.graph.silu(embed.at(0).linear(vector), embed.path));
}

/**
 * A number as waves of falling frequency (Vaswani et al. 2017), cosines first.
 *
 * @param values [batch], an exact input: rounded to half precision, thousandths of the noise would be lost.
 * @returns [batch, width]
 */
export function sinusoids({ graph, path }: Layer, values: Value, width: number): Value {
  const half = width / 2;
  // rounded to float32 at each operation, as the network was trained: at t = 999 the angles feel it
  const frequencies = Array.from({ length: half }, (_, i) => Math.exp(Math.fround(Math.fround(-Math.log(10000) * i) / half)));
  const column = graph.reshape(values, [-1, 1], path);
  const angles = graph.multiply(column, graph.constant('float32', frequencies, [1, half]), path);
  return graph.narrowed(graph.concat([graph.node('Cos', [angles], {}, path), graph.node('Sin', [angles], {}, path)], 1, path), path);
}

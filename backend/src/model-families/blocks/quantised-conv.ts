import type { GraphBuilder, Value } from '../../onnx/graph-builder.js';

/** A kernel's sides, and how it moves. `pads` are top, left, bottom, right. */
export interface ConvGeometry {
  kernel: readonly [height: number, width: number];
  stride: number;
  pads: readonly number[];
}

/**
 * A convolution as one product of matrices of 8-bit numbers: what each place of the kernel sees is laid side by side (im2col). ONNX Runtime
 * multiplies such matrices faster than reals, while its own convolutions of them are slow, or want to know beforehand how large the
 * answers will be.
 *
 * @param x [batch, in, height, width].
 * @param weight whole numbers [height · width · in, out], the kernel's places row by row.
 * @param steps [out], the size of one.
 * @returns [batch, out, height / stride, width / stride]
 */
export function quantisedConv(
  graph: GraphBuilder,
  x: Value,
  { weight, steps, bias }: { weight: Value; steps: Value; bias?: Value },
  { kernel: [height, width], stride, pads: [top, left, bottom, right] }: ConvGeometry,
  at: string,
): Value {
  const { values, step, zero } = graph.quantised(x, at);
  let image = graph.transpose(values, [0, 2, 3, 1], at); // [batch, height, width, in]
  if (top + left + bottom + right > 0) {
    const pads = graph.constant('int64', [0, top, left, 0, 0, bottom, right, 0]);
    image = graph.node('Pad', [image, pads, zero], {}, at);
  }
  const axes = graph.constant('int64', [1, 2]);
  const strides = graph.constant('int64', [stride, stride]);
  const seen: Value[] = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const ends = graph.constant('int64', [endOf(row, height), endOf(column, width)]);
      seen.push(graph.node('Slice', [image, graph.constant('int64', [row, column]), ends, axes, strides], {}, at));
    }
  }
  const columns = seen.length === 1 ? seen[0] : graph.concat(seen, 3, at); // [batch, height / stride, width / stride, height · width · in]
  const places = graph.node('Flatten', [columns], { axis: 3 }, at);
  const inputs = [places, weight, step, steps, zero, '' as const, ...(bias === undefined ? [] : [bias])];
  const product = graph.node('MatMulIntegerToFloat', inputs, {}, at, 'com.microsoft'); // [batch · …, out]
  const sides = graph.concat([graph.shapeOf(columns, at, 0, 3), graph.constant('int64', [-1])], 0, at);
  return graph.transpose(graph.reshape(product, sides, at), [0, 3, 1, 2], at);
}

/** Where the slice that one place of the kernel sees ends, counted from the end; for the last place that is the end itself. */
function endOf(place: number, places: number): number {
  return place === places - 1 ? Number.MAX_SAFE_INTEGER : place - (places - 1);
}

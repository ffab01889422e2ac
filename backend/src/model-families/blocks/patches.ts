import type { GraphBuilder, Value } from '../../onnx/graph-builder.js';

/** A side of a patch of latent cells, which is one token of a diffusion transformer. */
export const PATCH = 2;

/** Height and width in patches: [1], int64. A side that is odd gets one more. */
export interface PatchGrid {
  rows: Value;
  columns: Value;
}

/** @param x [batch, channels, height, width]. */
export function patchGrid(graph: GraphBuilder, x: Value, at: string): PatchGrid {
  const [rows, columns] = [2, 3].map((axis) => {
    const above = graph.add(graph.shapeOf(x, at, axis, axis + 1), graph.constant('int64', [PATCH - 1]), at);
    return graph.node('Div', [above, graph.constant('int64', [PATCH])], {}, at);
  });
  return { rows, columns };
}

/** Continues odd sides by their own beginning, as ComfyUI does. */
export function withEvenSides(graph: GraphBuilder, x: Value, at: string): Value {
  return [2, 3].reduce((image, axis) => {
    const missing = graph.node('Mod', [graph.shapeOf(image, at, axis, axis + 1), graph.constant('int64', [PATCH])], {}, at);
    return graph.concat([image, sliced(graph, image, axis, 0, missing, at)], axis, at);
  }, x);
}

/** From [batch, channels, height, width] to tokens [batch · rows · columns, channels · 4], channel by channel. */
export function patches(graph: GraphBuilder, x: Value, channels: number, { rows, columns }: PatchGrid, at: string): Value {
  const side = graph.constant('int64', [PATCH]);
  const batch = graph.shapeOf(x, at, 0, 1);
  const cut = graph.concat([batch, graph.constant('int64', [channels]), rows, side, columns, side], 0, at);
  const ordered = graph.transpose(graph.reshape(withEvenSides(graph, x, at), cut, at), [0, 2, 4, 1, 3, 5], at);
  return graph.reshape(ordered, [-1, channels * PATCH ** 2], at);
}

/** What a token's numbers are: how many channels, and whether those of one channel or of one cell stand together. */
export interface PatchNumbers {
  channels: number;
  order: 'channel first' | 'cell first';
}

/** Back from tokens to the height and width of `like`. */
export function imageOfPatches(
  graph: GraphBuilder,
  tokens: Value,
  like: Value,
  { channels, order }: PatchNumbers,
  { rows, columns }: PatchGrid,
  at: string,
): Value {
  const side = graph.constant('int64', [PATCH]);
  const depth = graph.constant('int64', [channels]);
  const batch = graph.shapeOf(like, at, 0, 1);
  const [numbers, toImage] =
    order === 'channel first'
      ? ([
          [depth, side, side],
          [0, 3, 1, 4, 2, 5],
        ] as const)
      : ([
          [side, side, depth],
          [0, 5, 1, 3, 2, 4],
        ] as const);
  const cut = graph.reshape(tokens, graph.concat([batch, rows, columns, ...numbers], 0, at), at);
  const [height, width] = [rows, columns].map((count) => graph.multiply(count, side, at));
  const image = graph.reshape(graph.transpose(cut, toImage, at), graph.concat([batch, depth, height, width], 0, at), at);
  return [2, 3].reduce((whole, axis) => sliced(graph, whole, axis, 0, graph.shapeOf(like, at, axis, axis + 1), at), image);
}

/** Places `from` to `to` (exclusive) along one axis; without `to`, all that follow. */
export function sliced(
  graph: GraphBuilder,
  x: Value,
  axis: number,
  from: Value | number,
  to: Value | number | undefined,
  at: string,
): Value {
  const place = (bound: Value | number) => (typeof bound === 'number' ? graph.constant('int64', [bound]) : bound);
  const bounds = [place(from), place(to ?? Number.MAX_SAFE_INTEGER)];
  return graph.node('Slice', [x, ...bounds, graph.constant('int64', [axis])], {}, at);
}

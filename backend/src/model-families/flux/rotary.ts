import type { GraphBuilder, Value } from '../../onnx/graph-builder.js';
import type { PatchGrid } from '../blocks/patches.js';
import type { RotaryAxes } from './config.js';

const THETA = 10000;

/** By how much the pairs of numbers of every token's head are turned: [text tokens + image tokens, head width / 2] each. */
export interface Turns {
  cos: Value;
  sin: Value;
}

/**
 * Rotary positions (Su et al. 2021) of text and picture: words turn by nothing, patches by row and column.
 *
 * @param textTokens [1], int64.
 */
export function turnsOf(graph: GraphBuilder, textTokens: Value, { rows, columns }: PatchGrid, axes: RotaryAxes): Turns {
  const at = 'positions';
  const scalar = (value: number) => graph.constant('int64', [value], []);
  const pairs = axes.reduce((sum, axis) => sum + axis, 0) / 2;
  // each axis has its own pairs of a head; with zeros elsewhere, the angles of row and column can be added
  const [, byRow, byColumn] = axes.map((_, own) =>
    graph.constant(
      'float32',
      axes.flatMap((width, axis) => Array.from({ length: width / 2 }, (_, i) => (axis === own ? THETA ** ((-2 * i) / width) : 0))),
      [1, pairs],
    ),
  );
  const angles = (count: Value, speeds: Value, shape: readonly number[]) => {
    const places = graph.node('Range', [scalar(0), graph.node('Squeeze', [count], {}, at), scalar(1)], {}, at);
    return graph.multiply(graph.reshape(graph.exactly(places, at), shape, at), speeds, at);
  };
  const grid = graph.add(angles(rows, byRow, [-1, 1, 1]), angles(columns, byColumn, [1, -1, 1]), at); // [rows, columns, pairs]
  const ahead = graph.concat([textTokens, graph.constant('int64', [0, 0, 0])], 0, at);
  const all = graph.node('Pad', [graph.reshape(grid, [-1, pairs], at), ahead], {}, at); // words first, with angles of zero
  const [cos, sin] = ['Cos', 'Sin'].map((wave) => graph.narrowed(graph.node(wave, [all], {}, at), at));
  return { cos, sin };
}

/** @param x [batch, tokens, heads · head width], of which neighbouring numbers are a pair. */
export function turned(graph: GraphBuilder, x: Value, { cos, sin }: Turns, at: string): Value {
  const first = graph.constant('int64', [0]);
  return graph.node('RotaryEmbedding', [x, first, cos, sin], { interleaved: 1 }, at, 'com.microsoft');
}

import { expect, test } from 'vitest';
import { composeAttention } from '../../../../backend/src/onnx/composed-attention.js';
import { GraphBuilder, type GraphSpec } from '../../../../backend/src/onnx/graph-builder.js';
import { floats, openGraph } from '../../../support/open-graph.js';
import { expectClose } from '../../../support/goldens.js';

const [BATCH, TOKENS, WIDTH, HEADS] = [2, 7, 12, 3];
const waves = (shape: number[], step: number) =>
  floats(
    shape,
    Array.from({ length: shape.reduce((size, side) => size * side, 1) }, (_, i) => Math.sin(step * (i + 1))),
  );
const inputs = {
  query: waves([BATCH, TOKENS, WIDTH], 0.37),
  key: waves([BATCH, TOKENS, WIDTH], 0.53),
  value: waves([BATCH, TOKENS, WIDTH], 0.71),
  bias: waves([1, HEADS, TOKENS, TOKENS], 0.11),
};

/** A graph of one attention between other nodes. */
function attentionGraph(isCausal: boolean, hasBias: boolean): GraphSpec {
  const graph = new GraphBuilder('attention');
  const [query, key, value] = ['query', 'key', 'value'].map((name) => graph.input(name, 'float32', ['batch', 'tokens', WIDTH]));
  const bias = graph.input('bias', 'float32', [1, HEADS, 'tokens', 'tokens']);
  const doubled = graph.add(query, query, 'doubled');
  const attributes = { num_heads: HEADS, unidirectional: isCausal ? 1 : 0 };
  const operands = hasBias ? ([doubled, key, value, '', '', bias] as const) : ([doubled, key, value] as const);
  graph.output('y', graph.node('MultiHeadAttention', operands, attributes, 'attention', 'com.microsoft'), ['batch', 'tokens', WIDTH]);
  return graph.finish();
}

test.each([
  ['plain', false, false],
  ['causal', true, false],
  ['with a bias', false, true],
  ['causal with a bias', true, true],
])('attention spelled out is attention: %s', async (_, isCausal, hasBias) => {
  const fused = attentionGraph(isCausal, hasBias);
  const [piece] = fused.pieces;
  const bytes = composeAttention(piece.bytes);
  expect(Buffer.from(bytes).equals(Buffer.from(piece.bytes))).toBe(false);
  const composed = { ...fused, pieces: [{ ...piece, bytes }] };
  const [wanted, actual] = [await (await openGraph(fused))(inputs), await (await openGraph(composed))(inputs)];
  expect(actual.y.shape).toEqual([BATCH, TOKENS, WIDTH]);
  expectClose(actual.y.data as Float32Array, wanted.y.data as Float32Array, { absolute: 1e-6 }, 'attention');
});

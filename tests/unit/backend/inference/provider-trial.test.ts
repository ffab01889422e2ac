import { InferenceSession } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { byteSumsOverflow } from '../../../../backend/src/inference/provider-trial.js';
import { GraphBuilder } from '../../../../backend/src/onnx/graph-builder.js';

test('sums of bytes that are whole are told from sums that were cut short', async () => {
  const cutShort = () => {
    const graph = new GraphBuilder('cut short');
    const x = graph.input('x', 'float32', ['tokens', 'width']);
    graph.output('sums', graph.multiply(x, graph.constant('float32', [32767 / 255]), 'sums'), ['tokens', 'width']);
    return InferenceSession.create(graph.finish().pieces[0].bytes, { logSeverityLevel: 4 });
  };
  expect(await byteSumsOverflow(cutShort)).toBe(true);
  const asked = (quantprecision: string) =>
    byteSumsOverflow(({ pieces }) =>
      InferenceSession.create(pieces[0].bytes, { extra: { session: { x64quantprecision: quantprecision } } }),
    );
  expect(await asked('1')).toBe(false);
});

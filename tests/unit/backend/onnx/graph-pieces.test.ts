import type { DeviceTensor } from '@atelier/sdk/contracts';
import { expect, test } from 'vitest';
import { GraphBuilder, type Arithmetic, type Value } from '../../../../backend/src/onnx/graph-builder.js';
import { InProcessDevice } from '../../../../backend/src/testing/in-process-device.js';

/** Six times x + 1, with a look back at the first sum and its shape at the end: both have to cross the cuts. */
function graphOf(mostPieces: number, arithmetic: Arithmetic = 'float32') {
  const graph = new GraphBuilder('steps', arithmetic);
  let h: Value = graph.input('x', 'float32', ['rows', 2]);
  const first = graph.add(h, graph.constant('float32', [1]), 'first');
  const shape = graph.shapeOf(first, 'first');
  h = first;
  for (let i = 0; i < 5; i++) {
    graph.yieldPoint();
    h = graph.add(h, graph.constant('float32', [1]), `step ${i}`);
  }
  const flat = graph.reshape(graph.multiply(h, first, 'end'), [-1], 'end');
  graph.output('y', graph.reshape(flat, shape, 'end'), ['rows', 2]);
  return graph.finish({ mostPieces });
}

test('a graph is cut at its yield points into at most as many pieces as are asked for', () => {
  expect([1, 2, 4, 6, 50].map((most) => graphOf(most).pieces.length)).toEqual([1, 2, 4, 6, 6]);
  expect(graphOf(4)).toMatchObject({ inputs: ['x'], outputs: ['y'] });
});

test.each(['float32', 'float16'] as const)(
  'the answer in %s does not depend on the cuts, and nothing else comes back',
  async (arithmetic) => {
    const device = new InProcessDevice();
    const x: DeviceTensor = { type: 'float32', shape: [2, 2], data: Float32Array.of(0, 1, 2, 3) };
    const answers = await Promise.all([1, 2, 3, 6].map(async (most) => device.run(await device.open(graphOf(most, arithmetic)), { x })));
    for (const answer of answers) {
      expect(answer).toEqual({ y: { type: 'float32', shape: [2, 2], data: Float32Array.of(6, 14, 24, 36) } });
    }
  },
);

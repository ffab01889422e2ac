import { expect, test } from 'vitest';
import { quantiseOutputs, type QuantisedMatrix } from '../../../../backend/src/checkpoints/quantise.js';

function empty(inputs: number, outputs: number): QuantisedMatrix {
  return { values: new Int8Array(inputs * outputs), steps: new Float32Array(outputs) };
}

test('each output is rounded in steps of a 127th of its own largest weight, and lies in its column', () => {
  const matrix = empty(3, 2);
  quantiseOutputs(Float32Array.of(127, -50.4, 0.6, 0.0254, 0, -0.0127), { channels: 3, places: 1 }, 0, matrix);
  expect([...matrix.steps]).toEqual([1, Math.fround(0.0002)]);
  expect([...matrix.values]).toEqual([127, 127, -50, 0, 1, -63]); // −63.5 goes up
});

test('no weight is moved by more than half a step', () => {
  const [inputs, outputs] = [40, 7];
  const weights = Float32Array.from({ length: inputs * outputs }, (_, i) => Math.sin(i * 12.9898) * 10 ** (i % 5));
  const { values, steps } = empty(inputs, outputs);
  quantiseOutputs(weights, { channels: inputs, places: 1 }, 0, { values, steps });
  for (const [at, weight] of weights.entries()) {
    const [output, input] = [Math.floor(at / inputs), at % inputs];
    const rounded = values[input * outputs + output] * steps[output];
    expect(Math.abs(rounded - weight)).toBeLessThanOrEqual(steps[output] * 0.5001);
  }
});

test('outputs may come one after another, as they are read', () => {
  const weights = Float32Array.from({ length: 24 }, (_, i) => i - 11);
  const [atOnce, inTurn] = [empty(6, 4), empty(6, 4)];
  const sides = { channels: 3, places: 2 };
  quantiseOutputs(weights, sides, 0, atOnce);
  for (let output = 0; output < 4; output++) quantiseOutputs(weights.subarray(output * 6, output * 6 + 6), sides, output, inTurn);
  expect(inTurn).toEqual(atOnce);
});

test('a convolution’s inputs go place by place of the kernel, in each the channels', () => {
  const matrix = empty(6, 1);
  quantiseOutputs(Float32Array.of(10, 11, 12, 20, 21, 127), { channels: 2, places: 3 }, 0, matrix);
  expect([...matrix.values]).toEqual([10, 20, 11, 21, 12, 127]);
});

test('an output without any weight is 0; one with a weight that is no number says so in its step', () => {
  const matrix = empty(2, 3);
  quantiseOutputs(Float32Array.of(0, 0, 1, NaN, 1, Infinity), { channels: 2, places: 1 }, 0, matrix);
  expect(matrix.steps).toEqual(Float32Array.of(0, NaN, Infinity));
  expect([matrix.values[0], matrix.values[3]]).toEqual([0, 0]);
});

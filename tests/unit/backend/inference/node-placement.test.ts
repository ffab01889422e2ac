import { expect, test } from 'vitest';
import { placementIn } from '../../../../backend/src/inference/node-placement.js';

const event = (operator: string, provider: string, output: Record<string, number[]>) => ({
  cat: 'Node',
  name: `${operator}_kernel_time`,
  args: { op_name: operator, provider, output_type_shape: [output] },
});

test('nodes are counted by operator and place, and sides of tensors are told from numbers', () => {
  const profile = JSON.stringify([
    { cat: 'Session', name: 'session_initialization', args: {} },
    event('Gemm', 'WebGpuExecutionProvider', { float: [77, 64] }),
    event('Gemm', 'WebGpuExecutionProvider', { float: [77, 64] }),
    event('Gather', 'CPUExecutionProvider', { int64: [4] }),
    event('Gather', 'CPUExecutionProvider', { float: [77, 64] }),
    event('Cast', 'CPUExecutionProvider', { int64: [77] }),
  ]);
  expect(placementIn(profile)).toEqual([
    { operator: 'Gemm', onCpu: false, isShapeArithmetic: false, count: 2 },
    { operator: 'Gather', onCpu: true, isShapeArithmetic: true, count: 1 },
    { operator: 'Gather', onCpu: true, isShapeArithmetic: false, count: 1 },
    { operator: 'Cast', onCpu: true, isShapeArithmetic: false, count: 1 },
  ]);
});

import { expect, test } from 'vitest';
import { cpuOperatorsOf, obstaclesOf, type ModelsFound } from '../../../../backend/src/engine/examination.js';
import type { ProviderTrial } from '../../../../backend/src/inference/try-provider.js';

const works = { provider: 'cpu', works: true, seconds: 1 } as ProviderTrial;
const folders = ['/data', '/outputs', '/models'].map((folder) => ({ folder, freeBytes: 1e12, isWritable: true }));
const models: ModelsFound[] = [{ kind: 'checkpoints', usable: ['a'], unusable: [] }];

test('a picture can be made with a device, a checkpoint, and room for the picture', () => {
  expect(obstaclesOf(works, { folders }, models)).toEqual([]);
});

test('each thing that is missing is named with what to do', () => {
  const problem = { code: 'provider-missing', kind: 'unavailable', message: 'No cuda.', hint: 'Install it.', details: '' } as const;
  expect(obstaclesOf({ provider: 'cuda', works: false, problem }, { folders }, models)).toEqual([
    { message: 'No cuda.', hint: 'Install it.' },
  ]);
  const broken = [{ kind: 'checkpoints', usable: [], unusable: [{ name: 'b', why: 'It is empty.' }] }];
  expect(obstaclesOf(works, { folders }, broken)).toMatchObject([{ hint: expect.stringContaining('models/checkpoints') as string }]);
  const [data, outputs, weights] = folders;
  expect(obstaclesOf(works, { folders: [{ ...data, isWritable: false }, outputs, weights] }, models)).toMatchObject([
    { message: expect.stringContaining('/data') as string },
  ]);
  expect(obstaclesOf(works, { folders: [data, { ...outputs, freeBytes: 1e6 }, weights] }, models)).toMatchObject([
    { message: expect.stringContaining('/outputs') as string },
  ]);
  expect(obstaclesOf(works, { folders: [data, outputs, { ...weights, isWritable: false, freeBytes: 0 }] }, models)).toEqual([]); // only read
});

test('operators that compute on the CPU stand apart from those that work out sides', () => {
  const operators = [
    { operator: 'Gemm', onCpu: false, isShapeArithmetic: false, count: 9 },
    { operator: 'Gather', onCpu: true, isShapeArithmetic: true, count: 4 },
    { operator: 'Cast', onCpu: true, isShapeArithmetic: false, count: 1 },
  ];
  expect(cpuOperatorsOf(operators)).toEqual({ computing: ['Cast ×1'], shapeArithmetic: ['Gather ×4'] });
});

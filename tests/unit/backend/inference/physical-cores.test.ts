import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { physicalCores } from '../../../../backend/src/inference/physical-cores.js';

test('there is at least one core, and never more than this process may use', () => {
  expect(physicalCores()).toBeGreaterThanOrEqual(1);
  expect(physicalCores()).toBeLessThanOrEqual(availableParallelism());
});

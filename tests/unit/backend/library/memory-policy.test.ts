import type { Component, StoredTensor, StoredType } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { bytesOf, chooseBranches, chooseMemory } from '../../../../backend/src/library/memory-policy.js';

const bytesPerValue: Partial<Record<StoredType, number>> = { F16: 2, F32: 4 };

function stored(type: StoredType, millions: number): StoredTensor {
  return { name: 'w', file: '/model', type, shape: [millions, 1e6], offset: 0, length: millions * 1e6 * bytesPerValue[type]! };
}

function network(...tensors: StoredTensor[]): Component {
  return { file: '/model', tensors: new Map(tensors.map((tensor, i) => [String(i), tensor])) };
}

const half = network(stored('F16', 1000)); // 2 GB as stored, 4 GB as a copy
const networks = [{ component: half, copyBytes: 0 }];

test('weights take what they are stored in while they are mapped, and what a copy of each takes otherwise', () => {
  expect(bytesOf({ component: half, copyBytes: 0 })).toBe(2e9);
  expect(bytesOf({ component: half, copyBytes: 4 })).toBe(4e9);
  const parts = [stored('F32', 100), stored('F16', 100)];
  const component = network({ ...stored('F32', 200), length: 0, parts });
  expect(bytesOf({ component, copyBytes: 0 })).toBe(600e6);
});

test('what the settings say is done, however little is free', () => {
  for (const policy of ['keep', 'swap'] as const) {
    expect(chooseMemory(policy, networks, { provider: 'cpu', freeBytes: 0 })).toEqual({ policy, because: 'the settings say so' });
  }
});

test('auto keeps all networks open while they and the work fit into what is free, and says the numbers', () => {
  const choice = chooseMemory('auto', networks, { provider: 'cpu', freeBytes: 16e9 });
  expect(choice.policy).toBe('keep');
  expect(choice.because).toMatch(/\d\.\d GB, and 16\.0 GB are free/);
  expect(chooseMemory('auto', networks, { provider: 'cpu', freeBytes: 2.1e9 }).policy).toBe('swap');
  expect(chooseMemory('auto', [{ component: half, copyBytes: 4 }], { provider: 'cpu', freeBytes: 4.5e9 }).policy).toBe('swap');
});

test('a graphics card is not taken to have what the system has', () => {
  const choice = chooseMemory(
    'auto',
    [half, half].map((component) => ({ component, copyBytes: 4 })),
    { provider: 'webgpu', freeBytes: 64e9 },
  );
  expect(choice.policy).toBe('swap');
  expect(choice.because).toContain('graphics card');
});

test('both branches of guidance go into one call while what that takes is free, and the numbers are said', () => {
  const shape = [2, 4, 128, 128]; // two pictures of 1024 px: about 4 GB for both branches
  const weights = { component: half, copyBytes: 0 };
  const choice = (freeBytes: number) => chooseBranches(weights, shape, { provider: 'cpu', freeBytes });
  expect(choice(16e9)).toMatchObject({
    together: true,
    because: expect.stringMatching(/both take \d\.\d GB, and 16\.0 GB are free/) as string,
  });
  expect(choice(1e9).together).toBe(false);
  expect(
    chooseBranches({ component: network(stored('F16', 1500)), copyBytes: 4 }, shape, { provider: 'cuda', freeBytes: 64e9 }).together,
  ).toBe(false);
});

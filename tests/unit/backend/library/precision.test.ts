import { expect, test } from 'vitest';
import { choosePrecision, PrecisionNotSuited } from '../../../../backend/src/library/precision.js';

const cpu = { provider: 'cpu', halfPrecision: true } as const;
const card = { provider: 'webgpu', halfPrecision: true } as const;
const plainCard = { provider: 'webgpu', halfPrecision: false } as const;

test('auto is half precision on a card that has it, and full precision elsewhere', () => {
  expect([cpu, card, plainCard].map((device) => choosePrecision('auto', device))).toEqual(['fp32', 'fp16', 'fp32']);
});

test('what is asked for is what is taken', () => {
  expect(choosePrecision('fp32', card)).toBe('fp32');
  expect(choosePrecision('fp16', card)).toBe('fp16');
});

test('half precision is refused where it cannot be had or gains nothing, with what to ask for', () => {
  for (const device of [cpu, plainCard]) {
    expect(() => choosePrecision('fp16', device)).toThrow(PrecisionNotSuited);
    expect(() => choosePrecision('fp16', device)).toThrow(device.provider);
  }
});

test('int8 is the CPU’s; elsewhere it is refused with what to ask for', () => {
  expect(choosePrecision('int8', cpu)).toBe('int8');
  for (const device of [card, plainCard]) {
    expect(() => choosePrecision('int8', device)).toThrow(PrecisionNotSuited);
    expect(() => choosePrecision('int8', device)).toThrow('webgpu');
  }
});

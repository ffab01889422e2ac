import { z } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { ContractPipe } from '../../../../backend/src/api/contract.pipe.js';

const schema = z
  .strictObject({
    width: z.int().min(8).max(64).multipleOf(8).default(8).describe('Width in pixels.'),
    name: z.string().max(3, 'is longer than 3 characters').optional(),
    inner: z.strictObject({ a: z.number().default(1), b: z.number().default(2) }).default({ a: 1, b: 2 }),
  })
  .prefault({});

const check = (value: unknown) => new ContractPipe().transform(value, { type: 'body', schema });

test.each([
  [{ width: 12 }, '"width" must be a multiple of 8.', 'Width in pixels.'],
  [{ width: 128 }, '"width" must be at most 64.', 'Width in pixels.'],
  [{ width: 0 }, '"width" must be at least 8.', 'Width in pixels.'],
  [{ width: '8' }, '"width" must be a number.', 'Width in pixels.'],
  [{ name: 'long' }, '"name" is longer than 3 characters.', 'GET /api/docs describes every request.'],
  [{ hight: 8 }, 'The request has no field "hight".', 'The fields are: width, name, inner.'],
  [{ inner: { c: 1 } }, '"inner" has no field "c".', 'The fields are: a, b.'],
  [[], 'The request must be an object.', 'GET /api/docs describes every request.'],
])('%j is refused in words', async (value, message, hint) => {
  await expect(check(value)).rejects.toMatchObject({ message, hint });
});

test('a request without a body gets its defaults', async () => {
  expect(await check(undefined)).toEqual({ width: 8, inner: { a: 1, b: 2 } });
});

test('a key that would change what objects are is not taken', async () => {
  const value = JSON.parse('{"width": 16, "__proto__": {"polluted": true}}') as unknown;
  expect(await check(value)).toEqual({ width: 16, inner: { a: 1, b: 2 } });
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

import { expect, test } from 'vitest';
import { byRequirement } from '../../../../backend/src/extensions/load-order.js';
import { satisfies } from '../../../../backend/src/extensions/manifest-file.js';

test.each([
  ['1.0.0', '^1.0.0', true],
  ['1.4.2', '^1.4.3', false],
  ['1.10.0', '^1.9.9', true],
  ['2.0.0', '^1.0.0', false],
  ['1.9.0', '^2.0.0', false],
  ['0.3.1', '^0.3.0', true],
  ['0.4.0', '^0.3.0', false], // below 1, minor versions break
])('version %s satisfies %s: %s', (version, range, expected) => {
  expect(satisfies(version, range)).toBe(expected);
});

test('each comes after those it requires, else by id; rings come last', () => {
  const order = byRequirement([
    { id: 'a', requires: ['z'] },
    { id: 'z', requires: [] },
    { id: 'ring-2', requires: ['ring-1'] },
    { id: 'ring-1', requires: ['ring-2'] },
    { id: 'm', requires: ['not-installed'] },
  ]);
  expect(order.map((item) => item.id)).toEqual(['m', 'z', 'a', 'ring-1', 'ring-2']);
});

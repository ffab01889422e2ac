import { describe, expect, test } from 'vitest';
import { evaluate, fit } from '../../../../sdk/src/ui/controls/expression.js';

describe('what is typed into a number field', () => {
  test.each([
    ['768', 768],
    ['512*1.5', 768],
    ['512 × 1,5', 768],
    ['(1024 + 256) / 2', 640],
    ['2+3*4', 14],
    ['10-3-2', 5],
    ['-1', -1],
    ['.5', 0.5],
  ])('%s is %d', (text, value) => expect(evaluate(text)).toBe(value));

  test.each(['', 'abc', '2+', '(2', '1/0', '1 2x', 'alert(1)'])('“%s” is not a number', (text) => expect(evaluate(text)).toBeUndefined());
});

describe('the nearest value a field takes', () => {
  test('stays within the range and on the grid', () => {
    expect(fit(513, { min: 64, max: 2048, step: 8 })).toBe(512);
    expect(fit(5000, { min: 64, max: 2048, step: 8 })).toBe(2048);
    expect(fit(3, { min: 64, max: 2048, step: 8 })).toBe(64);
  });

  test('has no digits that the step does not have', () => {
    expect(fit(0.1 + 0.2, { min: 0, max: 1, step: 0.01 })).toBe(0.3);
    expect(fit(7.3, { min: 1, max: 30, step: 0.5 })).toBe(7.5);
  });

  test('does not pass the end of a range that its grid does not meet', () => expect(fit(10, { min: 0, max: 10, step: 4 })).toBe(8));
});

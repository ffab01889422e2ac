import fc from 'fast-check';
import { expect, test } from 'vitest';
import { composePrompt } from '../../../../backend/src/prompt/compose.js';
import { scheduleOf } from '../../../../backend/src/prompt/schedule.js';

test('any text has a schedule that ends with the last step, and a text without signs says itself', () => {
  const signs = fc.string({ unit: fc.constantFrom('[', ']', '(', ')', ':', '|', '\\', ' ', 'a', '0.5', '3', 'AND', '\n'), maxLength: 60 });
  fc.assert(
    fc.property(fc.oneof(fc.string(), signs), fc.integer({ min: 1, max: 20 }), (prompt, steps) => {
      const schedule = scheduleOf(prompt, { steps });
      expect(schedule.at(-1)!.until).toBe(steps);
      expect(schedule.map(({ until }) => until)).toEqual([...new Set(schedule.map(({ until }) => until))].toSorted((a, b) => a - b));
      if (!/[[\]|]/.test(prompt)) expect(schedule).toEqual([{ until: steps, text: prompt }]);
      expect(composePrompt(prompt).every(({ weight }) => Number.isFinite(weight))).toBe(true);
    }),
  );
});

test('brackets may be nested thousands deep', () => {
  const deep = '[a:'.repeat(6000) + 'b' + ':3]'.repeat(6000);
  expect(scheduleOf(deep, { steps: 10 })).toEqual([
    { until: 3, text: 'a' },
    { until: 10, text: 'b' },
  ]);
  expect(scheduleOf('('.repeat(100_000), { steps: 10 })).toEqual([{ until: 10, text: '('.repeat(100_000) }]);
});

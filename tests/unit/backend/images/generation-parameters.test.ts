import { expect, test } from 'vitest';
import { parametersText } from '../../../../backend/src/images/generation-parameters.js';

test('prompt, negative prompt and values stand as A1111 writes them', () => {
  const entries = [
    ['Steps', 20],
    ['Sampler', 'Euler a'],
    ['Size', '256x256'],
  ] as const;
  expect(parametersText({ prompt: 'a cat', negativePrompt: 'rain', entries })).toBe(
    'a cat\nNegative prompt: rain\nSteps: 20, Sampler: Euler a, Size: 256x256',
  );
});

test('a prompt without a negative one has two parts', () => {
  expect(parametersText({ prompt: 'a cat', negativePrompt: '', entries: [['Steps', 1]] })).toBe('a cat\nSteps: 1');
});

test('values with commas, colons and line breaks are quoted', () => {
  const entries = [['Hires prompt', 'a, b: "c"\nd']] as const;
  expect(parametersText({ prompt: '', negativePrompt: '', entries })).toBe('Hires prompt: "a, b: \\"c\\"\\nd"');
});

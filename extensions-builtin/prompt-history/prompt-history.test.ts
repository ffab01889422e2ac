import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { loadExtension, type LoadedExtension } from '@atelier/backend/testing';
import type { JobInfo } from '@atelier/sdk';
import { expect, test } from 'vitest';
import type { Entry } from './server/history.js';

const context = { job: { id: 'job', request: {} } as JobInfo, index: 0, seed: 1, random: () => 0 };

async function use({ bus }: LoadedExtension, ...prompts: string[]): Promise<void> {
  for (const positive of prompts) await bus.points.transformPrompt.call({ positive, negative: 'fog' }, context);
}

async function recent(extension: LoadedExtension, input = {}): Promise<string[]> {
  return ((await extension.callRoute('recent', input)) as Entry[]).map((entry) => entry.prompt);
}

test('prompts come back, the latest first, and go on unchanged', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  const prompt = { positive: 'a cat', negative: 'fog' };
  expect(await extension.bus.points.transformPrompt.call(prompt, context)).toBe(prompt);
  await use(extension, 'a dog');
  expect(await extension.callRoute('recent', {})).toMatchObject([
    { prompt: 'a dog', negativePrompt: 'fog' },
    { prompt: 'a cat', negativePrompt: 'fog' },
  ]);
});

test('the pictures of one batch are one entry, and an empty prompt is none', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  await use(extension, 'a cat', 'a cat', '', 'a dog', 'a cat');
  expect(await recent(extension)).toEqual(['a cat', 'a dog', 'a cat']);
});

test('a search finds what contains the words, whatever their case', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  await use(extension, 'a Cat', 'a dog', 'two cats');
  expect(await recent(extension, { search: 'CAT' })).toEqual(['two cats', 'a Cat']);
  expect(await recent(extension, { limit: 1 })).toEqual(['two cats']);
});

test('a limit out of range is refused by name', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  await expect(extension.callRoute('recent', { limit: 0 })).rejects.toMatchObject({
    code: 'route-input-invalid',
    message: expect.stringContaining('limit'),
  });
});

test('after "clear" nothing is remembered, and the next prompt is', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  await use(extension, 'a cat');
  await extension.callRoute('clear', {});
  expect(await recent(extension)).toEqual([]);
  await use(extension, 'a cat');
  expect(await recent(extension)).toEqual(['a cat']);
});

test('what the wildcards made of a prompt is what is remembered', async () => {
  await using extension = await loadExtension(import.meta.dirname, {
    beside: [path.join(import.meta.dirname, '../../extensions-builtin/prompt-wildcards')],
  });
  await writeFile(path.join(extension.dataFolder, '../prompt-wildcards/animal.txt'), 'fox\n');
  await use(extension, 'a __animal__');
  expect(await recent(extension)).toEqual(['a fox']);
});

test('a line that a crash left half-written is left out when the extension starts', async () => {
  await using extension = await loadExtension(import.meta.dirname);
  const { openHistory } = await import('./server/history.js');
  const file = path.join(extension.dataFolder, 'history.jsonl');
  await use(extension, 'a cat');
  await writeFile(file, `${await readFile(file, 'utf8')}{"prompt":"a d`);
  expect(await openHistory(extension.dataFolder)).toBe(1);
  expect(await recent(extension)).toEqual(['a cat']);
});

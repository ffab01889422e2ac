import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { loadExtension, type LoadedExtension } from '@atelier/backend/testing';
import type { JobInfo } from '@atelier/sdk';
import { expect, test } from 'vitest';

const job = { id: 'job', request: {} } as JobInfo;

/** What becomes of a prompt when chance draws these numbers, one after another. */
async function expanded({ bus }: LoadedExtension, positive: string, drawn: number[] = []): Promise<string> {
  const context = { job, index: 0, seed: 1, random: () => drawn.shift()! };
  return (await bus.points.transformPrompt.call({ positive, negative: '' }, context)).positive;
}

async function withAnimals(): Promise<LoadedExtension> {
  const extension = await loadExtension(import.meta.dirname);
  await writeFile(path.join(extension.dataFolder, 'animal.txt'), '# remark\n\ncat\n  dog \nfox\n');
  await writeFile(path.join(extension.dataFolder, 'nothing.txt'), '# only a remark\n');
  return extension;
}

test('a wildcard becomes a line of its file, chosen by the chance of the picture', async () => {
  await using extension = await withAnimals();
  expect(await expanded(extension, 'a __animal__ and a __animal__ in the rain', [0, 0.99])).toBe('a cat and a fox in the rain');
  expect(await expanded(extension, 'a __animal__', [0.5])).toBe('a dog');
});

test('a prompt without wildcards stays as it is, and draws nothing', async () => {
  await using extension = await withAnimals();
  expect(await expanded(extension, 'snake_case and __half')).toBe('snake_case and __half');
});

test('a wildcard without a file ends the job, naming it and saying where to put it', async () => {
  await using extension = await withAnimals();
  await expect(expanded(extension, 'a __nope__')).rejects.toMatchObject({
    message: 'Extension "prompt-wildcards" failed in transformPrompt: No wildcard file is called "nope".',
    hint: `Put nope.txt in ${extension.dataFolder}, one choice a line.`,
  });
});

test('a file without choices is an error too', async () => {
  await using extension = await withAnimals();
  await expect(expanded(extension, '__nothing__', [0])).rejects.toThrow('The wildcard file "nothing" has no choices.');
});

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { loadExtension } from '@atelier/backend/testing';
import { afterAll, expect, test } from 'vitest';

const script = path.join(import.meta.dirname, '../../scripts/new.mjs');
const into = mkdtempSync(path.join(os.tmpdir(), 'atelier-new-'));
afterAll(() => rmSync(into, { recursive: true }));

function make(...words: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...words, '--into', into], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

/** Names and contents of all files of a folder, as one text. */
function everythingIn(folder: string): string {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .map((entry) => entry.name + (entry.isFile() ? readFileSync(path.join(entry.parentPath, entry.name), 'utf8') : ''))
    .join('\n');
}

test('a new extension from one of ours has its own name everywhere, and runs', async () => {
  expect(make('extension', 'my-idea', '--from', 'prompt-history').status).toBe(0);
  const folder = path.join(into, 'my-idea');
  expect(everythingIn(folder)).not.toMatch(/prompt-history|prompt history/i);
  await using extension = await loadExtension(folder);
  expect(extension.entry()).toMatchObject({ id: 'my-idea', name: 'My idea', state: 'active', routes: ['recent', 'clear'] });
});

test.each(['restart', 'two-step'])('a new sampler called %s has its own name everywhere, and runs', async (name) => {
  expect(make('sampler', name).status).toBe(0);
  const folder = path.join(into, `${name}-sampler`);
  expect(everythingIn(folder)).not.toMatch(/ralston/i);
  await using extension = await loadExtension(folder);
  expect(extension.samplers.map((sampler) => sampler.id)).toEqual([name]);
});

test.each([
  ['nothing to make', ['extension'], 'Say what to make'],
  ['an unknown kind', ['constructor', 'x'], 'Say what to make'],
  ['a name that is no id', ['extension', '../Evil'], '"../Evil" cannot be a name'],
  ['a name of ours', ['extension', 'prompt-history'], 'There is a "prompt-history" already'],
  ['a template that does not exist', ['extension', 'fine', '--from', 'ghost'], 'There is no "ghost" to copy. There are: '],
])('%s is refused with a sentence', (_, words, sentence) => {
  const { status, said } = make(...words);
  expect(status).toBe(1);
  expect(said).toContain(sentence);
});

test('a name that is taken already is refused, and what is there stays', () => {
  mkdirSync(path.join(into, 'taken'));
  expect(make('extension', 'taken').said).toContain('There is a "taken" already');
  expect(readdirSync(path.join(into, 'taken'))).toEqual([]);
});

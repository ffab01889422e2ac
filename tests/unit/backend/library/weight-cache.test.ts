import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { WeightCache, type WeightCopy } from '../../../../backend/src/library/weight-cache.js';

const home = mkdtempSync(path.join(tmpdir(), 'weight-cache-'));
afterAll(() => rmSync(home, { recursive: true }));

let folder = '';
beforeEach(() => (folder = path.join(mkdtempSync(path.join(home, 'of-')), 'weights')));

/** A copy of so many bytes, all of them its own letter, and how often it was written. */
function copyOf(name: string, bytes: number): WeightCopy & { written: number } {
  const content = name.slice(0, 1).repeat(bytes);
  const copy = {
    name,
    bytes,
    written: 0,
    isWhole: async (file: string) => existsSync(file) && readFileSync(file, 'utf8') === content,
    write: async (file: string) => {
      copy.written++;
      writeFileSync(file, content);
    },
  };
  return copy;
}

function usedLongAgo(file: string, hours: number): void {
  const then = new Date(Date.now() - hours * 3_600_000);
  utimesSync(file, then, then);
}

test('a copy is written once', async () => {
  const copy = copyOf('a', 10);
  const first = await new WeightCache(folder, () => 100).file(copy);
  expect(await new WeightCache(folder, () => 100).file(copy)).toBe(first);
  expect(copy.written).toBe(1);
});

test('a damaged copy is written anew', async () => {
  const copy = copyOf('a', 10);
  const cache = new WeightCache(folder, () => 100);
  writeFileSync(await cache.file(copy), 'a');
  expect(readFileSync(await cache.file(copy), 'utf8')).toBe('a'.repeat(10));
  expect(copy.written).toBe(2);
});

test('a copy whose writing breaks off leaves nothing, and what was there before stays', async () => {
  const cache = new WeightCache(folder, () => 100);
  await cache.file(copyOf('a', 10));
  const broken = {
    ...copyOf('b', 10),
    write: async (file: string) => {
      writeFileSync(file, 'bb');
      throw new Error('cancelled');
    },
  };
  await expect(cache.file(broken)).rejects.toThrow('cancelled');
  expect(readdirSync(folder)).toEqual(['a.safetensors']);
});

test('what was not used for longest is deleted to make room, never what is asked for', async () => {
  const cache = new WeightCache(folder, () => 25);
  const [a, b, c] = ['a', 'b', 'c'].map((name) => copyOf(name, 10));
  usedLongAgo(await cache.file(a), 3);
  usedLongAgo(await cache.file(b), 2);
  await cache.file(a); // used again: now b is the oldest
  await cache.file(c);
  expect(readdirSync(folder).sort()).toEqual(['a.safetensors', 'c.safetensors']);
  await cache.file(copyOf('d', 40)); // larger than all that is allowed, and needed
  expect(readdirSync(folder)).toEqual(['d.safetensors']);
});

test('what another engine is writing is left alone; what one has left behind is not', async () => {
  const cache = new WeightCache(folder, () => 0);
  await mkdir(folder, { recursive: true });
  for (const name of ['fresh', 'left']) writeFileSync(path.join(folder, `${name}.unfinished`), 'x');
  usedLongAgo(path.join(folder, 'left.unfinished'), 2);
  await cache.file(copyOf('a', 10));
  expect(readdirSync(folder).sort()).toEqual(['a.safetensors', 'fresh.unfinished']);
});

test('a disk that takes nothing is told with what was to be written', async () => {
  writeFileSync(path.dirname(folder) + '-file', '');
  const cache = new WeightCache(path.join(path.dirname(folder) + '-file', 'weights'), () => 100);
  await expect(cache.file({ ...copyOf('a', 10), bytes: 2e9 })).rejects.toMatchObject({
    code: 'weight-copy-not-written',
    message: expect.stringContaining('ENOTDIR') as string,
    hint: expect.stringContaining('2.0 GB') as string,
  });
});

import { mkdtemp, readdir, readFile, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { savePicture } from '../../../../backend/src/images/save-picture.js';

let outputs: string;
beforeEach(async () => {
  outputs = await mkdtemp(path.join(tmpdir(), 'atelier-outputs-'));
});

const bytes = (text: string): Uint8Array => Buffer.from(text);

test('pictures are numbered on from what the folder holds', async () => {
  await mkdir(path.join(outputs, 'day'));
  await writeFile(path.join(outputs, 'day/00041-other.png'), '');
  expect(await savePicture(outputs, 'day/7', 'png', bytes('a'))).toBe('day/00042-7.png');
  expect(await savePicture(outputs, 'day/7', 'png', bytes('b'))).toBe('day/00043-7.png');
  expect(await readFile(path.join(outputs, 'day/00042-7.png'), 'utf8')).toBe('a');
});

test('many at once get different names and nothing temporary stays', async () => {
  const names = await Promise.all(Array.from({ length: 20 }, (_, i) => savePicture(outputs, 'day/1', 'png', bytes(String(i)))));
  expect(new Set(names).size).toBe(20);
  expect((await readdir(path.join(outputs, 'day'))).sort()).toEqual(names.map((name) => path.basename(name)).sort());
});

test.each(['../outside', '/etc/name', 'a/../../b', 'a\\b', 'a//b', ''])('a name that leads elsewhere is refused: %j', async (name) => {
  await expect(savePicture(outputs, name, 'png', bytes('x'))).rejects.toMatchObject({ code: 'picture-name-invalid' });
  expect(await readdir(outputs)).toEqual([]);
});

test('a folder that cannot be made is an error that names it', async () => {
  await writeFile(path.join(outputs, 'day'), 'a file in the way');
  await expect(savePicture(outputs, 'day/1', 'png', bytes('x'))).rejects.toMatchObject({ code: 'picture-not-saved' });
});

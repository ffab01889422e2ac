import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlite } from '../../../../backend/src/database/sqlite.js';
import { CheckpointIndex } from '../../../../backend/src/library/checkpoint-index.js';
import { families } from '../../../../backend/src/model-families/families.js';
import { diffusersFolder } from '../../../support/diffusers-folder.js';

let home: string;
let models: string;
let index: CheckpointIndex;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'atelier-index-'));
  models = path.join(home, 'models');
  await mkdir(path.join(models, 'checkpoints/mine'), { recursive: true });
  tinyCheckpoint('sd15', { folder: path.join(models, 'checkpoints'), name: 'tiny' });
  index = await CheckpointIndex.open(path.join(home, 'index.db'), [models], () => families);
});
afterEach(async () => {
  await index.close();
  await rm(home, { recursive: true });
});

const checkpoint = (name: string): string => path.join(models, 'checkpoints', name);

test('checkpoints are named by their path and known by their family', async () => {
  await rename(checkpoint('tiny.safetensors'), checkpoint('mine/tiny.safetensors'));
  await index.refresh();
  expect(index.list()).toMatchObject([{ name: 'mine/tiny', family: 'sd15', problem: null, sha256: null, shortHash: null }]);
});

test('what cannot be used is listed with the reason, and stops nothing else', async () => {
  await writeFile(checkpoint('empty.safetensors'), '');
  await writeFile(checkpoint('old.ckpt'), 'anything');
  await symlink('nowhere.safetensors', checkpoint('link.safetensors'));
  await index.refresh();
  const problems = Object.fromEntries(index.list().map(({ name, problem }) => [name, problem?.code]));
  expect(problems).toEqual({
    empty: 'checkpoint-unreadable',
    link: 'checkpoint-not-opened',
    old: 'checkpoint-is-pickle',
    tiny: undefined,
  });
});

test('of two files with one name, the usable one is taken', async () => {
  await writeFile(checkpoint('tiny.ckpt'), 'a pickle');
  await index.refresh();
  expect(index.find('tiny')).toMatchObject({ family: 'sd15', file: checkpoint('tiny.safetensors') });
});

test('the hash is that of the file, is told, and is remembered over a restart', async () => {
  await index.refresh();
  let told = 0;
  index.onChange(() => told++);
  const sha256 = createHash('sha256')
    .update(await readFile(checkpoint('tiny.safetensors')))
    .digest('hex');
  const entry = index.find('tiny');
  expect(await Promise.all([index.sha256(entry), index.sha256(entry)])).toEqual([sha256, sha256]);
  expect(told).toBe(1);
  await index.close();
  index = await CheckpointIndex.open(path.join(home, 'index.db'), [models], () => families);
  await index.refresh();
  expect(index.find('tiny')).toMatchObject({ sha256, shortHash: sha256.slice(0, 10) });
});

test('a file that has changed is looked at again', async () => {
  await index.refresh();
  await index.sha256(index.find('tiny'));
  await writeFile(checkpoint('tiny.safetensors'), 'not a checkpoint any more');
  await index.refresh();
  expect(index.find('tiny')).toMatchObject({ family: null, sha256: null, problem: { code: 'checkpoint-unreadable' } });
});

test('a name that no file has is an error with the names there are', async () => {
  await index.refresh();
  expect(() => index.find('tinny')).toThrow(expect.objectContaining({ code: 'checkpoint-not-found', hint: 'Known checkpoints: tiny.' }));
});

test('a models folder that is not there holds nothing', async () => {
  const empty = await CheckpointIndex.open(path.join(home, 'other.db'), [path.join(home, 'nowhere')], () => families);
  await empty.refresh();
  expect(empty.list()).toEqual([]);
  await empty.close();
});

test('a folder of diffusers is one checkpoint, named by its whole path; its files are none', async () => {
  const folder = diffusersFolder(checkpoint('mine/tiny.v2'));
  const unet = path.join(folder, 'unet/diffusion_pytorch_model.safetensors');
  await cp(unet, unet.replace(/safetensors$/, 'fp16.safetensors'));
  await index.refresh();
  expect(index.names()).toEqual(['mine/tiny.v2', 'tiny']);
  const entry = index.find('mine/tiny.v2');
  expect(entry).toMatchObject({ file: folder, family: 'sd15', problem: null, notes: [expect.stringContaining('fp16') as string] });
  expect(entry.sizeBytes).toBeGreaterThan(2 * (await stat(unet)).size);
  const sha256 = createHash('sha256')
    .update(await readFile(unet))
    .digest('hex');
  expect(await index.sha256(entry)).toBe(sha256);

  await writeFile(unet, 'not a network any more');
  await index.refresh();
  expect(index.find('mine/tiny.v2')).toMatchObject({ sha256: null, problem: { code: 'checkpoint-unreadable' } });
});

test('links out of the models folder are followed, to a file and to a folder of diffusers', async () => {
  const elsewhere = diffusersFolder(path.join(home, 'cache/snapshot'));
  await rename(checkpoint('tiny.safetensors'), path.join(home, 'cache/tiny.safetensors'));
  await symlink(path.join(home, 'cache/tiny.safetensors'), checkpoint('linked.safetensors'));
  await symlink(elsewhere, checkpoint('snapshot'));
  await index.refresh();
  expect(index.list()).toMatchObject([
    { name: 'linked', family: 'sd15' },
    { name: 'snapshot', family: 'sd15' },
  ]);
});

test('what an earlier version has remembered is kept', async () => {
  await index.refresh();
  const sha256 = await index.sha256(index.find('tiny'));
  await index.close();
  const database = await openSqlite<object>(path.join(home, 'index.db'));
  await database.schema.alterTable('files').dropColumn('notes').execute();
  await database.destroy();
  index = await CheckpointIndex.open(path.join(home, 'index.db'), [models], () => families);
  await index.refresh();
  expect(index.find('tiny')).toMatchObject({ sha256, notes: [] });
});

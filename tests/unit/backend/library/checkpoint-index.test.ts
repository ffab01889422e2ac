import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlite } from '../../../../backend/src/database/sqlite.js';
import { CheckpointIndex } from '../../../../backend/src/library/checkpoint-index.js';
import { foldersIn } from '../../../../backend/src/library/model-folders.js';
import { families } from '../../../../backend/src/model-families/families.js';
import { diffusersFolder } from '../../../support/diffusers-folder.js';
import { readSafetensors, writeSafetensors } from '../../../support/safetensors-file.js';
import { writeTinyAutoencoder } from '../../../support/tiny-autoencoder.js';

let home: string;
let models: string;
let index: CheckpointIndex;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'atelier-index-'));
  models = path.join(home, 'models');
  await mkdir(path.join(models, 'checkpoints/mine'), { recursive: true });
  tinyCheckpoint('sd15', { folder: path.join(models, 'checkpoints'), name: 'tiny' });
  index = await CheckpointIndex.open(path.join(home, 'index.db'), foldersIn([models]), () => families);
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
  index = await CheckpointIndex.open(path.join(home, 'index.db'), foldersIn([models]), () => families);
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
  const empty = await CheckpointIndex.open(path.join(home, 'other.db'), foldersIn([path.join(home, 'nowhere')]), () => families);
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

test('a hash that the first versions have computed is kept', async () => {
  const file = checkpoint('tiny.safetensors');
  const { size, mtimeMs } = await stat(file);
  const old = await openSqlite<{ files: object }>(path.join(home, 'old.db'));
  await old.schema
    .createTable('files')
    .addColumn('file', 'text')
    .addColumn('sizeBytes', 'integer')
    .addColumn('changedMs', 'real')
    .addColumn('family', 'text')
    .addColumn('sha256', 'text')
    .execute();
  await old.insertInto('files').values({ file, sizeBytes: size, changedMs: mtimeMs, family: 'sd15', sha256: 'abc' }).execute();
  await old.destroy();
  const reopened = await CheckpointIndex.open(path.join(home, 'old.db'), foldersIn([models]), () => families);
  await reopened.refresh();
  expect(reopened.find('tiny')).toMatchObject({ sha256: 'abc', family: 'sd15', label: 'Stable Diffusion 1' });
  await reopened.close();
});

test('what was remembered is read again when no family of that name is there any more', async () => {
  await index.refresh();
  const withoutSd1 = await CheckpointIndex.open(path.join(home, 'index.db'), foldersIn([models]), () =>
    families.filter(({ id }) => id !== 'sd15'),
  );
  await withoutSd1.refresh();
  expect(withoutSd1.find('tiny')).toMatchObject({ family: null, problem: { code: 'family-unknown' } });
  await withoutSd1.close();
});

/** The tiny checkpoint without the tensors of some of its networks. */
function writeWithout(prefixes: readonly string[], name: string): void {
  const tensors = Object.entries(readSafetensors(checkpoint('tiny.safetensors')));
  const kept = tensors.filter(([tensor]) => !prefixes.some((prefix) => tensor.startsWith(prefix)));
  writeSafetensors(checkpoint(name), Object.fromEntries(kept));
}

/** One network of the tiny checkpoint in a file of its own. */
async function writePart(prefix: string, file: string): Promise<void> {
  await mkdir(path.dirname(path.join(models, file)), { recursive: true });
  const tensors = Object.entries(readSafetensors(checkpoint('tiny.safetensors'))).filter(([tensor]) => tensor.startsWith(prefix));
  writeSafetensors(path.join(models, file), Object.fromEntries(tensors.map(([tensor, value]) => [tensor.slice(prefix.length), value])));
}

const vae = 'first_stage_model.';
const textEncoder = 'cond_stage_model.transformer.';

test('what a checkpoint is and holds is told before it runs', async () => {
  await rename(checkpoint('tiny.safetensors'), checkpoint('tiny-lcm.safetensors'));
  await index.refresh();
  expect(index.find('tiny-lcm')).toMatchObject({
    label: 'Stable Diffusion 1',
    prediction: 'eps',
    latentChannels: 4,
    beside: null,
    takesGuidance: false,
    recommended: { width: 512, height: 512, steps: 8, cfgScale: 1.5, sampler: 'lcm' },
    parts: ['vae', 'clip-l'],
    missing: [],
  });
});

test('what a checkpoint lacks is told with the files that it can be taken from', async () => {
  writeWithout([vae, textEncoder], 'bare.safetensors');
  await index.refresh();
  expect(index.find('bare')).toMatchObject({
    parts: [],
    missing: [
      { part: 'vae', isOptional: false, choices: [], hint: 'Put one into models/vae and choose it.' },
      { part: 'clip-l', message: '"bare" has no CLIP-L text encoder of its own, and none was chosen.' },
    ],
  });

  await writePart(vae, 'VAE/good.safetensors');
  await writePart(textEncoder, 'text_encoders/clip.safetensors');
  writeTinyAutoencoder(path.join(models, 'vae_approx'), { name: 'taef1', channels: 16 });
  await index.refresh();
  expect(index.find('bare').missing).toMatchObject([{ choices: ['good'], hint: 'Choose one: good.' }, { choices: ['clip'] }]);
  expect(index.vaes).toMatchObject([
    { name: 'good', latentChannels: 4, isTiny: false },
    { name: 'taef1', latentChannels: 16, isTiny: true },
  ]);
  expect(index.textEncoders).toMatchObject([{ name: 'clip', kinds: ['clip-l'], problem: null }]);
});

test('the VAE that lies beside a checkpoint is not missing', async () => {
  writeWithout([vae], 'bare.safetensors');
  await writePart(vae, 'checkpoints/bare.vae.safetensors');
  await index.refresh();
  expect(index.find('bare')).toMatchObject({ parts: ['clip-l'], missing: [] });
});

test('files of the folders for VAEs and text encoders that are none are listed with the reason', async () => {
  await writePart(vae, 'text_encoders/vae.safetensors');
  await writePart(textEncoder, 'vae/clip.safetensors');
  await writeFile(path.join(models, 'vae/clip.pt'), 'a pickle');
  await index.refresh();
  expect(index.textEncoders).toMatchObject([{ name: 'vae', kinds: [], problem: { code: 'model-part-does-not-fit' } }]);
  expect(index.vaes).toMatchObject([{ name: 'clip', latentChannels: null }]);
});

test('a VAE that A1111’s notes prefer is what "auto" takes; one that is not there is missing', async () => {
  const prefer = (name: string) => writeFile(checkpoint('tiny.json'), JSON.stringify({ description: 'Mine.', vae: name }));
  await writePart(vae, 'vae/deep/good.safetensors');
  await prefer('good.safetensors');
  await index.refresh();
  expect(index.find('tiny')).toMatchObject({ automaticVae: 'deep/good', description: 'Mine.', missing: [] });
  await prefer('None');
  await index.refresh();
  expect(index.find('tiny')).toMatchObject({ automaticVae: null, missing: [] });
  await prefer('gone.safetensors');
  await index.refresh();
  expect(index.find('tiny').missing).toMatchObject([
    { part: 'vae', choices: ['deep/good'], message: '"tiny.json" prefers the VAE "gone.safetensors", which is in none of the folders.' },
  ]);
});

test('a configuration that comes or goes changes what the checkpoint is trained to answer', async () => {
  await index.refresh();
  await writeFile(checkpoint('tiny.yaml'), 'model: {params: {parameterization: v}}');
  await utimes(checkpoint('tiny.yaml'), 0, 0);
  await index.refresh();
  expect(index.find('tiny').prediction).toBe('v');
  await rm(checkpoint('tiny.yaml'));
  await index.refresh();
  expect(index.find('tiny').prediction).toBe('eps');
});

test('a change in the folders is told, and none when nothing has changed', async () => {
  await index.refresh();
  let told = 0;
  index.onChange(() => told++);
  await index.refresh();
  expect(told).toBe(0);
  await writeFile(checkpoint('tiny.preview.png'), '');
  await Promise.all([index.refresh(), index.refresh()]);
  expect(told).toBe(1);
  expect(index.find('tiny').previewUrl).toMatch(/^\/api\/checkpoints\/preview\?name=tiny&changed=\d+$/);
});

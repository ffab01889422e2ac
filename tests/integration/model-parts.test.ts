import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createTxt2ImgJob, getCatalogue, refreshCatalogue, type Catalogue, type CheckpointEntry } from '@atelier/sdk/contracts';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../support/safetensors-file.js';
import type { ServerEnded } from '../support/start-server.js';
import { endServers, heard, startServer, tinyFile, type TestServer } from '../support/start-server.js';

const vae = 'first_stage_model.';
const textEncoder = 'cond_stage_model.transformer.';
const small = { prompt: 'a cat', width: 64, height: 64, steps: 1, seed: 1 };

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.ready();
  put('checkpoints/bare.safetensors', (name) => (name.startsWith(vae) || name.startsWith(textEncoder) ? null : name));
  put('VAE/deep/soft.safetensors', below(vae));
  put('text_encoder/clip.safetensors', below(textEncoder));
  await server.call(refreshCatalogue);
});
afterAll(endServers);

/** Writes tensors of the tiny checkpoint under other names; null leaves one out. */
function put(file: string, nameOf: (name: string) => string | null): void {
  const tensors = Object.entries(readSafetensors(tinyFile())).flatMap(([name, tensor]) => {
    const renamed = nameOf(name);
    return renamed === null ? [] : [[renamed, tensor] as const];
  });
  const target = path.join(server.folders.models, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeSafetensors(target, Object.fromEntries(tensors));
}

function below(prefix: string): (name: string) => string | null {
  return (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : null);
}

async function sdapi(address: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const reply = await (body === undefined ? server.fetch(`/sdapi/v1/${address}`) : server.post(`/sdapi/v1/${address}`, body));
  return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
}

async function entryOf(name: string): Promise<CheckpointEntry> {
  const { checkpoints } = await server.call(getCatalogue);
  return checkpoints.find((entry) => entry.name === name)!;
}

test('what a checkpoint lacks is known before it runs, in the words in which its job fails', async () => {
  const { missing } = await entryOf('bare');
  expect(missing).toMatchObject([
    { part: 'vae', choices: ['deep/soft'], message: '"bare" has no VAE of its own, and none was chosen.', hint: 'Choose one: deep/soft.' },
    { part: 'clip-l', choices: ['clip'] },
  ]);
  for (const [chosen, { message, hint }] of [
    [{}, missing[1]],
    [{ textEncoders: ['clip'] }, missing[0]],
  ] as const) {
    const { jobId } = await server.call(createTxt2ImgJob, {
      ...small,
      checkpoint: 'bare',
      ...chosen,
      textEncoders: [...(chosen.textEncoders ?? [])],
    });
    expect(await server.job(jobId)).toMatchObject({ phase: 'failed', error: { code: 'model-part-missing', message, hint } });
  }
});

test('with its parts chosen it makes the picture of the whole checkpoint', async () => {
  const parts = { checkpoint: 'bare', vae: 'deep/soft', textEncoders: ['clip'] };
  const pictures = [];
  for (const request of [parts, { checkpoint: 'tiny' }]) {
    const { jobId } = await server.call(createTxt2ImgJob, { ...small, ...request });
    const job = await server.job(jobId);
    expect(job).toMatchObject({ phase: 'done' });
    pictures.push(await sharp(path.join(server.folders.outputs, job.pictures[0].file)).raw().toBuffer());
  }
  expect(pictures[0].equals(pictures[1])).toBe(true);
});

test('"own" takes no VAE but the checkpoint’s', async () => {
  const { jobId } = await server.call(createTxt2ImgJob, { ...small, checkpoint: 'bare', vae: 'own', textEncoders: ['clip'] });
  expect(await server.job(jobId)).toMatchObject({ phase: 'failed', error: { code: 'model-part-missing' } });
});

/** Resolves when pages are told of such a catalogue. */
async function told(holds: (catalogue: Catalogue) => boolean): Promise<void> {
  const socket = server.socket();
  while (!holds(await heard<Catalogue>(socket, 'catalogue:changed')));
}

test('a VAE that is put into the folder is there for the next job, and the page is told; so is one that goes', async () => {
  const isThere = ({ vaes }: Catalogue) => vaes.some(({ name }) => name === 'dropped');
  const come = told(isThere);
  put('VAE/dropped.safetensors', below(vae));
  await come;
  const gone = told((catalogue) => !isThere(catalogue));
  rmSync(path.join(server.folders.models, 'VAE/dropped.safetensors'));
  await gone;
});

test('a checkpoint of which half is there is listed with the reason, and is read again when the rest has come', async () => {
  const whole = readFileSync(tinyFile());
  const file = path.join(server.folders.models, 'checkpoints/copied.safetensors');
  const isHalf = told(({ checkpoints }) => checkpoints.some(({ name, problem }) => name === 'copied' && problem !== null));
  writeFileSync(file, whole.subarray(0, whole.length / 2));
  await isHalf;
  const isWhole = told(({ checkpoints }) => checkpoints.some(({ name, problem }) => name === 'copied' && problem === null));
  appendFileSync(file, whole.subarray(whole.length / 2));
  await isWhole;
});

test('A1111’s and Forge’s lists name VAEs and modules as their programs do', async () => {
  const soft = { model_name: 'deep/soft.safetensors', filename: path.join(server.folders.models, 'VAE/deep/soft.safetensors') };
  const clip = { model_name: 'clip.safetensors', filename: path.join(server.folders.models, 'text_encoder/clip.safetensors') };
  expect((await sdapi('sd-vae')).body).toEqual([soft]);
  expect((await sdapi('sd-modules')).body).toEqual([soft, clip]);
  expect(await sdapi('refresh-vae', {})).toEqual({ status: 200, body: null });
});

test.each([
  ['sd_vae and a module', { sd_vae: 'soft.safetensors', forge_additional_modules: ['clip.safetensors'] }],
  ['modules alone, by path and name', { forge_additional_modules: ['text_encoder/clip.safetensors', 'deep/soft'] }],
])('overrides for one request choose the parts: %s', async (_, { forge_additional_modules: modules, ...others }) => {
  const named = modules.map((name) => (name.startsWith('text_encoder/') ? path.join(server.folders.models, name) : name));
  const settings = { sd_model_checkpoint: 'bare.safetensors', ...others, forge_additional_modules: named };
  const { status, body } = await sdapi('txt2img', { ...small, override_settings: settings });
  expect(status, JSON.stringify(body)).toBe(200);
  expect(JSON.parse(body.info as string)).toMatchObject({ sd_model_name: 'bare', sd_vae_name: 'deep/soft.safetensors' });
  expect((await sdapi('options')).body).toMatchObject({ sd_vae: 'Automatic', forge_additional_modules: [], CLIP_stop_at_last_layers: 1 });
});

test('options choose them for all requests, until they are set anew', async () => {
  await sdapi('options', { sd_model_checkpoint: 'bare', sd_vae: 'deep/soft.safetensors', CLIP_stop_at_last_layers: 2 });
  await sdapi('options', { forge_additional_modules: ['clip'] });
  expect((await sdapi('options')).body).toMatchObject({
    sd_vae: 'deep/soft.safetensors',
    forge_additional_modules: [path.join(server.folders.models, 'text_encoder/clip.safetensors')],
    CLIP_stop_at_last_layers: 2,
  });
  const { status, body } = await sdapi('txt2img', small);
  expect(status, JSON.stringify(body)).toBe(200);
  expect(JSON.parse(body.info as string)).toMatchObject({ clip_skip: 2, sd_vae_name: 'deep/soft.safetensors' });
  await sdapi('options', { sd_model_checkpoint: 'tiny', sd_vae: 'Automatic', forge_additional_modules: [], CLIP_stop_at_last_layers: 1 });
});

test.each([
  [{ sd_vae: 'sofd.safetensors' }, 404, 'Known: Automatic, None, deep/soft.safetensors.'],
  [{ forge_additional_modules: ['nothing'] }, 404, 'Known: deep/soft.safetensors, clip.safetensors.'],
  [{ forge_additional_modules: ['deep/soft'], sd_vae: 'None' }, 422, 'Leave one of them out'],
  [{ CLIP_stop_at_last_layers: 13 }, 422, ''],
])('%j is refused with a hint', async (settings, expected, hint) => {
  const { status, body } = await sdapi('txt2img', { ...small, override_settings: settings });
  expect({ status, ...body }).toMatchObject({ status: expected, hint: expect.stringContaining(hint) as string });
});

test('the picture beside a checkpoint is served small, and no other file', async () => {
  const file = path.join(server.folders.models, 'checkpoints/bare.preview.png');
  await sharp({ create: { width: 1024, height: 512, channels: 3, background: 'red' } })
    .png()
    .toFile(file);
  await server.call(refreshCatalogue);
  const reply = await server.fetch((await entryOf('bare')).previewUrl!);
  expect(reply.headers.get('content-type')).toBe('image/webp');
  expect(await sharp(await reply.arrayBuffer()).metadata()).toMatchObject({ width: 512, height: 256 });
  for (const name of ['tiny', '../../../etc/passwd', ''])
    expect((await server.fetch(`/api/checkpoints/preview?${new URLSearchParams({ name })}`)).status).toBe(404);

  writeFileSync(file, '<script>');
  expect(await (await server.fetch((await entryOf('bare')).previewUrl!)).json()).toMatchObject({ code: 'picture-unreadable' });
  rmSync(file);
});

test('a server with a broken extra_model_paths.yaml does not start, and says where it is broken', async () => {
  const file = path.join(server.home, 'broken.yaml');
  writeFileSync(file, 'a:\n  vae: [x]\n');
  await expect(startServer({ args: [`--extra-model-paths=${file}`] })).rejects.toThrow(
    expect.objectContaining({ said: expect.stringContaining(`Line 2 of ${file}: "vae" has to be`) as string }) as ServerEnded,
  );
});

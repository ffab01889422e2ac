import { readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { StoredType } from '@atelier/sdk';
import { createTxt2ImgJob, refreshCatalogue, type Job } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diffusersFolder } from '../support/diffusers-folder.js';
import { float32s, readSafetensors, writeSafetensors, type TensorToWrite } from '../support/safetensors-file.js';
import { endServers, startServer, tinyFile, type TestServer } from '../support/start-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.ready();
});
afterAll(endServers);

const small = { prompt: 'a cat', width: 64, height: 64, steps: 2, seed: 1, checkpoint: 'tiny' };
const checkpoint = (name: string): string => path.join(server.folders.models, 'checkpoints', name);

async function made(request: object): Promise<Job> {
  const { jobId } = await server.call(createTxt2ImgJob, { ...small, ...request });
  return await server.job(jobId);
}

async function pixelsOf({ pictures }: Job): Promise<Buffer> {
  return await sharp(path.join(server.folders.outputs, pictures[0].file)).removeAlpha().raw().toBuffer();
}

async function problemOf(name: string) {
  const { checkpoints } = await server.call(refreshCatalogue);
  return checkpoints.find((entry) => entry.name === name)?.problem;
}

test('a folder of diffusers makes the same picture as the file of the same weights, also where its weights lie in shards', async () => {
  const [whole, sharded] = ['tiny-diffusers', 'tiny-shards'].map((name) => diffusersFolder(checkpoint(name)));
  intoShards(path.join(sharded, 'unet'));
  expect(await problemOf('tiny-diffusers')).toBeNull();
  const inFile = await pixelsOf(await made({}));
  for (const name of ['tiny-diffusers', 'tiny-shards']) {
    const job = await made({ checkpoint: name });
    expect(job.phase).toBe('done');
    expect((await pixelsOf(job)).equals(inFile)).toBe(true);
  }
  for (const folder of [whole, sharded]) rmSync(folder, { recursive: true });
});

/** Splits the weights of a part, tensor by tensor in turn. */
function intoShards(part: string): void {
  const file = path.join(part, 'diffusion_pytorch_model.safetensors');
  const tensors = Object.entries(readSafetensors(file));
  const shardOf = (i: number) => `diffusion_pytorch_model-0000${(i % 2) + 1}-of-00002.safetensors`;
  for (const turn of [0, 1]) writeSafetensors(path.join(part, shardOf(turn)), Object.fromEntries(tensors.filter((_, i) => i % 2 === turn)));
  const weight_map = Object.fromEntries(tensors.map(([name], i) => [name, shardOf(i)]));
  writeFileSync(`${file}.index.json`, JSON.stringify({ metadata: {}, weight_map }));
  rmSync(file);
}

/** The tiny checkpoint's tensors, some changed. */
function changed(change: (name: string, tensor: TensorToWrite) => [string, TensorToWrite]): Record<string, TensorToWrite> {
  return Object.fromEntries(Object.entries(readSafetensors(tinyFile())).map(([name, tensor]) => change(name, tensor)));
}

/** Files that are no checkpoint, and what each is told to be. */
const noCheckpoints: [what: string, write: (file: string) => unknown, code: string, words: RegExp][] = [
  ['a file of no bytes', (file) => writeFileSync(file, ''), 'checkpoint-unreadable', /empty/],
  [
    'a LoRA',
    (file) => writeSafetensors(file, { 'lora_unet_input_blocks_4_1_proj_in.lora_up.weight': float32s([1, 1], [1]) }),
    'not-a-checkpoint',
    /a LoRA.*models\/loras/,
  ],
  ['a VAE', (file) => writeSafetensors(file, { 'decoder.conv_in.weight': float32s([1], [1]) }), 'not-a-checkpoint', /a VAE.*models\/vae/],
  [
    'a VAE of diffusers',
    (file) =>
      writeSafetensors(file, {
        'decoder.up_blocks.0.resnets.0.norm1.weight': float32s([1], [1]),
        'decoder.conv_in.bias': float32s([1], [1]),
      }),
    'not-a-checkpoint',
    /a VAE/,
  ],
  [
    'a ControlNet of diffusers',
    (file) =>
      writeSafetensors(file, {
        'controlnet_down_blocks.0.weight': float32s([1], [1]),
        'conv_in.weight': float32s([1], [1]),
        'down_blocks.0.resnets.0.conv1.weight': float32s([1], [1]),
      }),
    'not-a-checkpoint',
    /a ControlNet/,
  ],
  [
    'a checkpoint whose tensors have other names',
    (file) =>
      writeSafetensors(
        file,
        changed((name, tensor) => [name.replace('model.diffusion_model.', 'my.net.'), tensor]),
      ),
    'family-unknown',
    /"my\.net\./,
  ],
  [
    'a network that nobody knows',
    (file) => writeSafetensors(file, { 'fc1.weight': float32s([1], [1]), 'fc2.weight': float32s([1], [1]) }),
    'family-unknown',
    /"fc1\.weight", "fc2\.weight"/,
  ],
  ['a link to nowhere', (file) => symlinkSync('nowhere.safetensors', file), 'checkpoint-not-opened', /not there/],
  ['a link to itself', (file) => symlinkSync(path.basename(file), file), 'checkpoint-not-opened', /ELOOP/],
];

test.each(noCheckpoints)('%s among the checkpoints is listed with what it is, and refused for it', async (_what, write, code, words) => {
  const file = checkpoint('odd.safetensors');
  write(file);
  const problem = await problemOf('odd');
  expect(problem?.code).toBe(code);
  expect(`${problem?.message} ${problem?.hint}`).toMatch(words);
  const error = await server.refusal(createTxt2ImgJob, { ...small, checkpoint: 'odd' });
  expect(error).toMatchObject({ status: 400, code });
  rmSync(file);
});

/** Checkpoints that look right from outside and cannot make a picture. */
const brokenInside: [what: string, write: (file: string) => unknown, code: string, words: RegExp][] = [
  [
    'weights that are not numbers',
    (file) =>
      writeSafetensors(
        file,
        changed((name, tensor) => [name, nameless(tensor)]),
      ),
    'non-finite-tensor',
    /./,
  ],
  [
    'weights in a type that nothing computes with',
    (file) =>
      writeSafetensors(
        file,
        changed((name, tensor) => [name, ofType('I16', tensor)]),
      ),
    'weight-type-not-built',
    /I16/,
  ],
  [
    'a tensor of another shape',
    (file) =>
      writeSafetensors(
        file,
        changed((name, tensor) => [name, name.endsWith('proj_in.weight') ? { ...tensor, shape: [...tensor.shape].reverse() } : tensor]),
      ),
    'model-not-opened',
    /proj_in/,
  ],
  [
    'a tensor less',
    (file) =>
      writeSafetensors(
        file,
        changed((name, tensor) => [name.replace('middle_block.0.out_layers.3.weight', 'lost'), tensor]),
      ),
    'checkpoint-incomplete',
    /middle_block\.0\.out_layers\.3\.weight/,
  ],
];

/** Float16's pattern of what is no number. */
function nameless(tensor: TensorToWrite): TensorToWrite {
  return { ...tensor, bytes: new Uint16Array(tensor.bytes.byteLength / 2).fill(0x7e00) };
}

function ofType(dtype: StoredType, tensor: TensorToWrite): TensorToWrite {
  return tensor.dtype === 'F16' ? { ...tensor, dtype } : tensor;
}

test.each(brokenInside)('%s: the job fails by name, and the next one works', async (_what, write, code, words) => {
  const file = checkpoint('broken.safetensors');
  write(file);
  await server.call(refreshCatalogue);
  const { phase, error } = (await made({ checkpoint: 'broken' })) as Job & { phase: 'failed' };
  expect([phase, error]).toEqual(['failed', expect.objectContaining({ code })]);
  expect(error.message).toMatch(words);
  rmSync(file);
  expect((await made({})).phase).toBe('done');
});

test('a file that is replaced while its job runs: that job ends with what it began with, the next one takes the new file', async () => {
  const file = checkpoint('replaced.safetensors');
  writeFileSync(file, readFileSync(tinyFile()));
  await server.call(refreshCatalogue);
  const running = await startedJob({ checkpoint: 'replaced', steps: 60 });
  const other = tinyCheckpoint('sd15', { folder: server.home, name: 'other', seed: 2 });
  renameSync(other, file);
  expect((await server.job(running)).phase).toBe('done');
  const [before, after] = [await made({}), await made({ checkpoint: 'replaced' })];
  expect(after.phase).toBe('done');
  expect((await pixelsOf(after)).equals(await pixelsOf(before))).toBe(false);
  rmSync(file);
});

test('a file that is cut off while its job runs fails that job by name, and the next one works', async () => {
  const file = checkpoint('victim.safetensors');
  writeFileSync(file, readFileSync(tinyFile()));
  await server.call(refreshCatalogue);
  const running = await startedJob({ checkpoint: 'victim', steps: 150 });
  truncateSync(file, 0);
  const { phase, error } = (await server.job(running)) as Job & { phase: 'failed' };
  expect(phase).toBe('failed');
  // the first read past the end ends the device; where nothing was read in time, opening the file anew tells it
  expect(`${error.message} ${error.hint}`).toMatch(/cut off|empty/);
  rmSync(file);
  expect((await made({})).phase).toBe('done');
});

/** A job that is past its first step. */
async function startedJob(request: object): Promise<string> {
  const { jobId } = await server.call(createTxt2ImgJob, { ...small, ...request });
  await server.job(jobId, (job) => job.phase === 'running' && job.progress.step > 0);
  return jobId;
}

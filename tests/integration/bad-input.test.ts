import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createTxt2ImgJob, getCatalogue, refreshCatalogue } from '@atelier/sdk/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endServers, startServer, tinyFile, type TestServer } from '../support/start-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.ready();
});
afterAll(endServers);

const small = { prompt: 'a cat', width: 64, height: 64, steps: 2, seed: 1 };

/** What a request is refused for, and words that must stand in the answer. */
const refused: [what: string, input: object, code: string, words: RegExp][] = [
  ['a width that is no multiple of 8', { width: 100 }, 'request-invalid', /"width" must be a multiple of 8/],
  ['a height out of range', { height: 4096 }, 'request-invalid', /"height" must be at most 2048/],
  ['no steps at all', { steps: 0 }, 'request-invalid', /"steps" must be at least 1/],
  ['a text where a number belongs', { steps: 'many' }, 'request-invalid', /"steps" must be a number/],
  ['an unknown field', { stepps: 20 }, 'unknown-field', /"stepps".*The fields are: prompt, negativePrompt/],
  ['an unknown sampler', { sampler: 'Eulr' }, 'sampler-not-found', /"Eulr".*Euler a/],
  ['an unknown schedule type', { scheduler: 'karas' }, 'scheduler-not-found', /"karas".*Karras/],
  ['an unknown checkpoint', { checkpoint: 'tinny' }, 'checkpoint-not-found', /"tinny".*Known checkpoints: tiny\./],
  ['an unknown sampler option', { sampler: 'Euler a', samplerOptions: { etta: 1 } }, 'sampler-option-invalid', /"etta".*eta/],
  ['a sampler option out of range', { sampler: 'Euler a', samplerOptions: { eta: -1 } }, 'sampler-option-invalid', /eta/],
  ['a prompt of 100 kB', { prompt: 'cat '.repeat(25_000) }, 'request-invalid', /"prompt" is longer than/],
];

test.each(refused)('%s is refused by name', async (_what, input, code, words) => {
  const { status, ...error } = await server.refusal(createTxt2ImgJob, { ...small, ...input });
  expect(status).toBe(400);
  expect(error.code).toBe(code);
  expect(`${error.message} ${error.hint}`).toMatch(words);
});

test('a body that is not JSON is refused, whatever it says it is', async () => {
  const asText = await server.fetch('/api/txt2img', { method: 'POST', body: 'prompt=a cat' });
  expect([asText.status, await asText.json()]).toMatchObject([400, { code: 'body-not-json' }]);
  const broken = await server.fetch('/api/txt2img', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"prompt": "a c',
  });
  expect([broken.status, await broken.json()]).toMatchObject([400, { code: 'body-not-json' }]);
});

test('a body of several megabytes is refused', async () => {
  const reply = await server.post('/api/txt2img', { prompt: 'x'.repeat(3_000_000) });
  expect([reply.status, await reply.json()]).toMatchObject([413, { code: 'body-too-large' }]);
});

test('an address that is not there answers as every error does', async () => {
  const reply = await server.fetch('/api/nothing');
  expect([reply.status, await reply.json()]).toEqual([
    404,
    { code: 'address-not-found', message: expect.any(String) as string, hint: expect.any(String) as string },
  ]);
});

test('a cut-off and a lying safetensors file are listed with what is wrong, and refused for it', async () => {
  const checkpoints = path.join(server.folders.models, 'checkpoints');
  const bytes = readFileSync(tinyFile());
  writeFileSync(path.join(checkpoints, 'cut-off.safetensors'), bytes.subarray(0, bytes.length >> 1));
  const lying = Buffer.from(bytes.subarray(0, 4096));
  lying.writeBigUInt64LE(1n << 40n); // says that its header has a terabyte
  writeFileSync(path.join(checkpoints, 'lying.safetensors'), lying);
  writeFileSync(path.join(checkpoints, 'pickle.ckpt'), 'PK');
  const { checkpoints: entries } = await server.call(refreshCatalogue);
  for (const name of ['cut-off', 'lying', 'pickle']) {
    const { problem } = entries.find((entry) => entry.name === name)!;
    const error = await server.refusal(createTxt2ImgJob, { ...small, checkpoint: name });
    expect(error).toMatchObject({ status: 400, code: problem!.code, hint: problem!.hint });
    expect(error.message).toContain(name);
    rmSync(
      path.join(
        checkpoints,
        readdirSync(checkpoints).find((file) => file.startsWith(name))!,
      ),
    );
  }
  await server.call(refreshCatalogue);
});

test('a checkpoint that is deleted while its job waits fails that job by name, and no other', async () => {
  const file = path.join(server.folders.models, 'checkpoints', 'short-lived.safetensors');
  writeFileSync(file, readFileSync(tinyFile()));
  await server.call(refreshCatalogue);
  const running = await server.call(createTxt2ImgJob, { ...small, checkpoint: 'tiny', steps: 100 });
  const doomed = await server.call(createTxt2ImgJob, { ...small, checkpoint: 'short-lived' });
  const last = await server.call(createTxt2ImgJob, { ...small, checkpoint: 'tiny' });
  rmSync(file);
  const job = await server.job(doomed.jobId);
  expect(job).toMatchObject({
    phase: 'failed',
    error: { code: expect.stringMatching(/^checkpoint-/) as string, message: expect.stringContaining('short-lived') as string },
  });
  expect((await server.job(running.jobId)).phase).toBe('done');
  expect((await server.job(last.jobId)).phase).toBe('done');
  await server.call(refreshCatalogue);
  expect((await server.call(getCatalogue)).checkpoints.map(({ name }) => name)).toEqual(['tiny']);
});

/** A folder with hardly any room, or undefined where one cannot be made (that takes the right to mount). */
function tinyDisk(): string | undefined {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'atelier-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', folder], { stdio: 'ignore' });
    return folder;
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

const disk = tinyDisk();
afterAll(() => {
  if (!disk) return;
  execFileSync('umount', ['--lazy', disk]);
  rmSync(disk, { recursive: true });
});

test.skipIf(!disk)('a full disk for the pictures fails the job and says so; half a picture is never there', async () => {
  const cramped = await startServer({ outputsDir: disk! });
  const { jobId } = await cramped.call(createTxt2ImgJob, { ...small, width: 256, height: 256 });
  expect(await cramped.job(jobId)).toMatchObject({ phase: 'failed', error: { code: 'disk-full' }, pictures: [] });
  const files = readdirSync(disk!, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files).toEqual([]);
  await cramped.stop();
});

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createTxt2ImgJob, getCatalogue, refreshCatalogue } from '@atelier/sdk/contracts';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { float32s, writeSafetensors } from '../support/safetensors-file.js';
import { endServers, startServer, type TestServer } from '../support/start-server.js';

/** Of the tiny checkpoint's text encoder. */
const WIDTH = 64;
const request = { width: 64, height: 64, steps: 1, seed: 1, cfgScale: 1 };

/** How files of the PyTorch of old begin. */
const legacyMagic = '\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.';

let server: TestServer;
let folder = '';
beforeAll(async () => {
  server = await startServer();
  await server.ready();
  folder = path.join(server.folders.models, 'embeddings');
  mkdirSync(path.join(folder, 'deep'), { recursive: true });
  put('deep/My Style', { emb_params: rows(3, WIDTH) });
  put('wide one', { clip_l: rows(2, WIDTH), clip_g: rows(2, 2 * WIDTH) });
  writeFileSync(path.join(folder, 'bad.pt'), legacyMagic + '\x80\x02M\xe9\x03.\x80\x02cposix\nsystem\n.', 'latin1');
  await server.call(refreshCatalogue);
});
afterAll(endServers);

function rows(vectors: number, width: number) {
  return float32s(
    [vectors, width],
    Array.from({ length: vectors * width }, (_, i) => Math.sin(vectors + i)),
  );
}

function put(name: string, tensors: Parameters<typeof writeSafetensors>[1]): void {
  writeSafetensors(path.join(folder, `${name}.safetensors`), tensors);
}

async function picture(prompt: string) {
  const { jobId } = await server.call(createTxt2ImgJob, { ...request, prompt });
  const job = await server.job(jobId);
  expect(job).toMatchObject({ phase: 'done' });
  const pixels = await sharp(path.join(server.folders.outputs, job.pictures[0].file)).raw().toBuffer();
  return { warnings: job.warnings, parameters: job.pictures[0].parameters, pixels };
}

test('embeddings are listed with what they are made for, and those that cannot be used with the reason', async () => {
  const { embeddings } = await server.call(getCatalogue);
  expect(embeddings).toMatchObject([
    { name: 'bad', vectors: 0, widths: [], problem: { code: 'pickle-refused' } },
    { name: 'My Style', vectors: 3, widths: [WIDTH], problem: null },
    { name: 'wide one', vectors: 2, widths: [WIDTH, 2 * WIDTH], problem: null },
  ]);
});

test('A1111’s list has those that can be used', async () => {
  const reply = await server.fetch('/sdapi/v1/embeddings');
  const untold = { step: null, sd_checkpoint: null, sd_checkpoint_name: null };
  expect(await reply.json()).toEqual({
    loaded: { 'My Style': { ...untold, shape: WIDTH, vectors: 3 }, 'wide one': { ...untold, shape: 3 * WIDTH, vectors: 2 } },
    skipped: {},
  });
  const refreshed = await server.post('/sdapi/v1/refresh-embeddings');
  expect([refreshed.status, await refreshed.json()]).toEqual([200, null]);
});

test('a prompt that names an embedding makes another picture, which tells its hash', async () => {
  const plain = await picture('a cat');
  const styled = await picture('a cat, (MY STYLE:1.1)');
  const { sha256 } = (await server.call(getCatalogue)).embeddings.find(({ name }) => name === 'My Style')!;
  expect(styled.parameters).toContain(`, TI hashes: "My Style: ${sha256!.slice(0, 12)}", `);
  expect(styled.warnings).toEqual([]);
  expect(plain.parameters).not.toContain('TI hashes');

  put('deep/My Style', { emb_params: rows(4, WIDTH) });
  await server.call(refreshCatalogue);
  const other = await picture('a cat, (MY STYLE:1.1)');
  expect(other.pixels.equals(styled.pixels)).toBe(false);
});

test('an embedding for another sort of model is read as words, and the job says so', async () => {
  const { warnings, parameters } = await picture('a wide one');
  expect(warnings).toMatchObject([{ code: 'embedding-skipped' }]);
  expect(warnings[0].message).toContain('"wide one" was made for another sort of model (width 64 + 128)');
  expect(parameters).not.toContain('TI hashes');
});

test('so does one whose file cannot be used, with its reason', async () => {
  const { warnings } = await picture('bad');
  expect(warnings).toMatchObject([{ message: expect.stringContaining('"bad.pt"') as unknown }]);
});

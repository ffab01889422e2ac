import { changeSettings, createTxt2ImgJob, getSettings } from '@atelier/sdk/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endServers, startServer, tinyFile, type TestServer } from '../support/start-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ checkpoints: { tiny: tinyFile() } });
  await server.ready();
});
afterAll(endServers);

async function fileOf(request: object): Promise<string> {
  const { jobId } = await server.call(createTxt2ImgJob, { prompt: 'a cat, blue', steps: 2, width: 64, height: 64, seed: 7, ...request });
  const { pictures } = await server.job(jobId);
  return pictures[0].file;
}

async function setOptions(options: object): Promise<void> {
  const reply = await server.post('/sdapi/v1/options', options);
  expect(reply.status, await reply.text()).toBe(200);
}

test('without being told otherwise, pictures are called by day, number and seed', async () => {
  expect(await fileOf({})).toMatch(/^txt2img-images\/\d{4}-\d\d-\d\d\/00000-7\.png$/);
});

test('patterns are set as in A1111, and kept in our settings', async () => {
  await setOptions({
    samples_filename_pattern: '[seed]-[sampler]-[scheduler]-[prompt_words]',
    directories_filename_pattern: 'mine/[model_name]',
  });
  expect(await fileOf({ sampler: 'euler' })).toBe('txt2img-images/mine/tiny/00000-7-Euler-Automatic-a cat blue.png');
  expect((await server.call(getSettings)).output).toMatchObject({ folder: 'mine/[model_name]', inFolders: true });
});

test('a name that is taken gets a number behind it where none stands before', async () => {
  await server.call(changeSettings, { output: { fileName: '[seed]', inFolders: false, folder: '', isNumbered: false, maxPromptWords: 8 } });
  expect([await fileOf({}), await fileOf({})]).toEqual(['txt2img-images/7.png', 'txt2img-images/7-1.png']);
});

test('no pattern leads out of the folder', async () => {
  await setOptions({ samples_filename_pattern: '../../[prompt]', save_to_dirs: true, directories_filename_pattern: '/../..\\..' });
  expect(await fileOf({ prompt: '../../etc' })).toBe('txt2img-images/.._.._etc.png');
});

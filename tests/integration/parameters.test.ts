import { createTxt2ImgJob, readParameters } from '@atelier/sdk/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endServers, startServer, tinyFile, type TestServer } from '../support/start-server.js';

let server: TestServer;
/** A picture of this server, in base64, and what `info` said of it. */
let picture: string;
let infotext: string;

beforeAll(async () => {
  server = await startServer({ checkpoints: { tiny: tinyFile() } });
  await server.ready();
  const { images, info } = await post<{ images: string[]; info: string }>('txt2img', {
    prompt: 'a cat, sitting',
    negative_prompt: 'rain',
    sampler_name: 'DPM++ 2M Karras',
    steps: 2,
    width: 64,
    height: 72,
    seed: 7,
    subseed: 3,
    subseed_strength: 0.25,
    override_settings: { CLIP_stop_at_last_layers: 2, randn_source: 'CPU' },
  });
  [picture] = images;
  [infotext] = (JSON.parse(info) as { infotexts: string[] }).infotexts;
});
afterAll(endServers);

async function post<Reply>(path: string, body: object): Promise<Reply> {
  const reply = await server.post(`/sdapi/v1/${path}`, body);
  const text = await reply.text();
  expect(reply.status, text).toBe(200);
  return JSON.parse(text) as Reply;
}

const hoped = {
  prompt: 'a cat, sitting',
  negativePrompt: 'rain',
  checkpoint: 'tiny',
  sampler: 'dpmpp-2m',
  scheduler: 'karras',
  steps: 2,
  width: 64,
  height: 72,
  seed: 7,
  variationSeed: 3,
  variationStrength: 0.25,
  clipSkip: 2,
  rng: 'CPU',
};

test('a picture that is handed back gives the request it was made with, and that request the same picture', async () => {
  const { request, text, notApplied, source } = await server.call(readParameters, { picture });
  expect({ source, text, notApplied }).toEqual({ source: 'a1111', text: infotext, notApplied: [] });
  expect(request).toMatchObject(hoped);
  const { jobId } = await server.call(createTxt2ImgJob, request);
  const { pictures } = await server.job(jobId);
  expect(pictures.map(({ parameters }) => parameters)).toEqual([infotext]);
});

test('a text says what could not be taken over', async () => {
  const { request, notApplied } = await server.call(readParameters, { text: infotext.replace('Sampler: DPM++ 2M', 'Sampler: Nobody’s') });
  expect(request).not.toHaveProperty('sampler');
  expect(notApplied).toMatchObject([{ name: 'Sampler', value: 'Nobody’s' }]);
});

test('what is neither picture nor text is refused', async () => {
  expect((await server.post('/api/parameters', {})).status).toBe(400);
  expect((await server.post('/api/parameters', { picture: 'AAAA' })).status).toBe(400);
});

test('png-info answers as A1111 does', async () => {
  const { info, items, parameters } = await post<Record<string, unknown>>('png-info', { image: `data:image/png;base64,${picture}` });
  expect({ info, items }).toEqual({ info: infotext, items: {} });
  expect(parameters).toMatchObject({
    Prompt: 'a cat, sitting',
    Steps: '2',
    'Size-1': '64',
    'Clip skip': '2',
    RNG: 'CPU',
    'Hires resize-1': 0,
  });
  expect(parameters).not.toHaveProperty('Model'); // it is the chosen one
});

test('an infotext fills in what a request leaves out; what it says itself stands', async () => {
  const { info, parameters } = await post<{ info: string; parameters: Record<string, unknown> }>('txt2img', {
    infotext,
    seed: 8,
    cfg_scale: 7,
  });
  const made = (JSON.parse(info) as { infotexts: string[] }).infotexts[0];
  expect(parameters).toMatchObject({ prompt: 'a cat, sitting', steps: 2, seed: 8, cfg_scale: 7 });
  expect(made).toBe(infotext.replace('Seed: 7', 'Seed: 8'));
});

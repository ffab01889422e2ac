import { cancelJob, createTxt2ImgJob, listJobs } from '@atelier/sdk/contracts';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPngText } from '../../backend/src/images/metadata/png-text.js';
import { endServers, startServer, tinyFile, type TestServer } from '../support/start-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ checkpoints: { tiny: tinyFile(), other: tinyFile() } });
  await server.ready();
  await post('options', { sd_model_checkpoint: 'tiny' });
});
afterAll(endServers);

/** What `sdwebuiapi` 0.9.17 sends for `api.txt2img(prompt=…)`: every field it knows, neutral ones and nulls included. */
const fromClient = {
  enable_hr: false,
  hr_scale: 2,
  hr_upscaler: 'Latent',
  hr_second_pass_steps: 0,
  hr_resize_x: 0,
  hr_resize_y: 0,
  hr_checkpoint_name: null,
  hr_sampler_name: null,
  hr_scheduler: null,
  hr_prompt: '',
  hr_negative_prompt: '',
  denoising_strength: 0.7,
  firstphase_width: 0,
  firstphase_height: 0,
  prompt: 'a cat',
  styles: [],
  seed: -1,
  subseed: -1,
  subseed_strength: 0.0,
  seed_resize_from_h: 0,
  seed_resize_from_w: 0,
  batch_size: 1,
  n_iter: 1,
  steps: 4,
  cfg_scale: 7.0,
  width: 64,
  height: 64,
  restore_faces: false,
  tiling: false,
  do_not_save_samples: false,
  do_not_save_grid: false,
  negative_prompt: 'a dog',
  eta: 1.0,
  s_churn: 0,
  s_tmax: 0,
  s_tmin: 0,
  s_noise: 1,
  override_settings: {},
  override_settings_restore_afterwards: true,
  sampler_name: 'Euler a',
  scheduler: 'automatic',
  sampler_index: 'Euler a',
  script_name: null,
  script_args: [],
  send_images: true,
  save_images: false,
  alwayson_scripts: {},
};

interface Reply {
  images: string[];
  parameters: Record<string, unknown>;
  info: string;
}

async function post(path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const reply = await server.post(`/sdapi/v1/${path}`, body);
  return { status: reply.status, body: JSON.parse(await reply.text()) };
}

async function get(path: string): Promise<unknown> {
  return await (await server.fetch(`/sdapi/v1/${path}`)).json();
}

async function txt2img(fields: object): Promise<Reply & { details: Record<string, unknown> }> {
  const { status, body } = await post('txt2img', fields);
  expect(status, JSON.stringify(body)).toBe(200);
  const reply = body as Reply;
  return { ...reply, details: JSON.parse(reply.info) as Record<string, unknown> };
}

test('sdwebuiapi’s request makes a picture, with all keys of A1111’s info and the parameters inside the file', async () => {
  const { images, parameters, details } = await txt2img({ ...fromClient, seed: 5, n_iter: 2 });
  expect(images).toHaveLength(2);
  const png = Buffer.from(images[0], 'base64');
  expect(await sharp(png).metadata()).toMatchObject({ format: 'png', width: 64, height: 64 });
  const infotexts = details.infotexts as string[];
  expect(readPngText(png).text.get('parameters')).toBe(infotexts[0]);
  expect(infotexts[0]).toMatch(/^a cat\nNegative prompt: a dog\nSteps: 4, Sampler: Euler a,/);
  expect(details).toMatchObject({
    all_seeds: [5, 6],
    seed: 5,
    all_prompts: ['a cat', 'a cat'],
    all_negative_prompts: ['a dog', 'a dog'],
    sampler_name: 'Euler a',
  });
  expect(Object.keys(details)).toEqual([
    ...[
      'prompt',
      'all_prompts',
      'negative_prompt',
      'all_negative_prompts',
      'seed',
      'all_seeds',
      'subseed',
      'all_subseeds',
      'subseed_strength',
    ],
    ...['width', 'height', 'sampler_name', 'cfg_scale', 'steps', 'batch_size', 'restore_faces', 'face_restoration_model', 'sd_model_name'],
    ...[
      'sd_model_hash',
      'sd_vae_name',
      'sd_vae_hash',
      'seed_resize_from_w',
      'seed_resize_from_h',
      'denoising_strength',
      'extra_generation_params',
    ],
    ...[
      'index_of_first_image',
      'infotexts',
      'styles',
      'job_timestamp',
      'clip_skip',
      'is_using_inpainting_conditioning',
      'version',
      'ignored_fields',
    ],
  ]);
  expect(details.ignored_fields).toEqual([]);
  expect(parameters).toMatchObject(Object.fromEntries(Object.entries({ ...fromClient, seed: 5, n_iter: 2 })));
});

test('a request with nothing but a prompt gets A1111’s defaults', async () => {
  const { parameters } = await txt2img({ prompt: 'a cat', width: 64, height: 64, send_images: false });
  expect(parameters).toMatchObject({ steps: 50, cfg_scale: 7, batch_size: 1, sampler_index: 'Euler', sampler_name: null });
});

test('unknown fields are taken and named; null is as good as nothing', async () => {
  const { details, images } = await txt2img({
    prompt: 'a cat',
    steps: 2,
    width: 64,
    height: 64,
    seed: null,
    sampler_name: null,
    colour: 'blue',
    send_images: false,
  });
  expect(details.ignored_fields).toEqual(['colour']);
  expect(images).toEqual([]);
});

test.each([
  [{ enable_hr: true }, 'enable_hr'],
  [{ styles: ['oil'] }, 'styles'],
  [{ tiling: true }, 'tiling'],
  [{ subseed_strength: 1.5 }, 'subseed_strength'],
  [{ s_churn: 3, sampler_name: 'DPM++ 2M' }, 's_churn'],
  [{ override_settings: { eta_noise_seed_delta: 'much' } }, 'eta_noise_seed_delta'],
  [{ script_name: 'X/Y/Z plot' }, 'X/Y/Z plot'],
  [{ alwayson_scripts: { ADetailer: { args: [] } } }, 'ADetailer'],
  [{ sampler_name: 'Eulr' }, 'Eulr'],
  [{ scheduler: 'karas' }, 'karas'],
  [{ override_settings: { sd_model_checkpoint: 'tinny' } }, 'tinny'],
  [{ width: 100 }, 'width'],
  [{ n_iter: 0 }, 'n_iter'],
  [{ steps: 'many' }, 'steps'],
])('%j is refused, naming it', async (fields, name) => {
  const { status, body } = await post('txt2img', { ...fromClient, ...fields });
  expect(status).toBe(422);
  expect(body).toMatchObject({
    detail: expect.stringContaining(name) as string,
    code: expect.any(String) as string,
    hint: expect.any(String) as string,
  });
});

test('variations of one seed begin alike, say so, and leave the picture alone at strength 0', async () => {
  const fields = { ...fromClient, seed: 5, subseed: 9, batch_size: 2, steps: 2 };
  const details = async (more: object) => {
    const { images, info } = await txt2img({ ...fields, ...more });
    return { images, info: JSON.parse(info) as Record<string, unknown> & { infotexts: string[] } };
  };
  const [plain, varied, other] = [
    await details({ subseed_strength: 0 }),
    await details({ subseed_strength: 0.3 }),
    await details({ subseed_strength: 0.3, override_settings: { eta_noise_seed_delta: 31337, sigma_max: 9 } }),
  ];
  expect(varied.info).toMatchObject({ all_seeds: [5, 5], subseed: 9, all_subseeds: [9, 10], subseed_strength: 0.3 });
  expect(varied.info.infotexts[1]).toContain('Variation seed: 10, Variation seed strength: 0.3');
  expect(other.info.infotexts[0]).toContain('ENSD: 31337');
  expect(other.info.infotexts[0]).toContain('Schedule max sigma: 9');
  expect(plain.info).toMatchObject({ all_seeds: [5, 6] });
  expect(new Set([plain, varied, other].map(({ images }) => images[0])).size).toBe(3);
});

test('old names of samplers carry their schedule type, and A1111’s labels and aliases are known', async () => {
  const scheduled = async (fields: object) => {
    await txt2img({ ...fromClient, scheduler: null, ...fields });
    const { jobs } = await server.call(listJobs, { limit: 1 });
    return [jobs[0].request.sampler, jobs[0].request.scheduler];
  };
  expect(await scheduled({ sampler_name: 'DPM++ 2M Karras' })).toEqual(['dpmpp-2m', 'karras']);
  expect(await scheduled({ sampler_name: 'DPM++ 2M Karras', scheduler: 'Exponential' })).toEqual(['dpmpp-2m', 'exponential']);
  expect(await scheduled({ sampler_name: 'k_euler_a' })).toEqual(['euler-ancestral', 'automatic']);
  expect(await scheduled({ sampler_name: '', sampler_index: 'Heun' })).toEqual(['heun', 'automatic']);
});

test('eta and churn reach the samplers that have them', async () => {
  const optionsOf = async (fields: object) => {
    await txt2img({ ...fromClient, ...fields });
    return (await server.call(listJobs, { limit: 1 })).jobs[0].request.samplerOptions;
  };
  expect(await optionsOf({ sampler_name: 'DDIM', eta: 0.5 })).toMatchObject({ eta: 0.5 });
  expect(await optionsOf({ sampler_name: 'Euler', s_churn: 2 })).toMatchObject({ s_churn: 2, s_noise: 1 });
  expect(await optionsOf({ sampler_name: 'DPM++ 2M' })).toEqual({});
});

test('a checkpoint is chosen for all by its title, and for one job by name or hash', async () => {
  const models = (await get('sd-models')) as {
    title: string;
    model_name: string;
    hash: string | null;
    sha256: string | null;
    filename: string;
  }[];
  expect(models.map(({ model_name }) => model_name)).toEqual(['other', 'tiny']);
  expect((await post('options', { sd_model_checkpoint: models[0].title })).body).toBeNull();
  expect(await get('options')).toMatchObject({ sd_model_checkpoint: expect.stringMatching(/^other\.safetensors/) as string });
  const { details } = await txt2img({ ...fromClient, override_settings: { sd_model_checkpoint: 'tiny.safetensors' } });
  expect(details).toMatchObject({ sd_model_name: 'tiny', sd_model_hash: expect.stringMatching(/^[0-9a-f]{10}$/) as string });
  expect(await get('options')).toMatchObject({ sd_model_checkpoint: expect.stringMatching(/^other\.safetensors/) as string });
  expect((await post('options', { sd_model_checkpoint: 'nobody' })).status).toBe(422);
  await post('options', { sd_model_checkpoint: 'tiny' });
});

test('progress is 0 while nothing runs, and tells step, batch and preview while something does; interrupt keeps what is there', async () => {
  expect(await get('progress')).toMatchObject({ progress: 0, current_image: null, state: { job_count: 0 } });
  const waiting = txt2img({ ...fromClient, steps: 150, n_iter: 3 });
  await expect
    .poll(async () => ((await get('progress')) as { current_image: string | null }).current_image, { timeout: 10_000, interval: 20 })
    .toMatch(/^iVBOR/);
  const progress = (await get('progress?skip_current_image=true')) as { progress: number };
  expect(progress).toMatchObject({
    current_image: null,
    textinfo: null,
    state: { job_count: 3, sampling_steps: 150, skipped: false, interrupted: false },
  });
  expect(progress.progress).toBeGreaterThan(0);
  expect((await post('interrupt')).body).toEqual({});
  const { images } = await waiting;
  expect(images.length).toBeGreaterThanOrEqual(1);
  expect(images.length).toBeLessThan(3);
});

test('skip goes on with the next batch', async () => {
  const waiting = txt2img({ ...fromClient, steps: 150, n_iter: 2, seed: 1 });
  await expect
    .poll(async () => ((await get('progress')) as { state: { sampling_step: number } }).state.sampling_step, {
      timeout: 10_000,
      interval: 10,
    })
    .toBeGreaterThan(2);
  expect((await post('skip')).body).toBeNull();
  expect((await waiting).details.all_seeds).toEqual([2]);
});

test('when the caller goes away, the job goes on', async () => {
  // behind one that lasts, so that the caller surely goes before the job has ended
  const { jobId: before } = await server.call(createTxt2ImgJob, { prompt: 'long', width: 64, height: 64, steps: 150, batchCount: 100 });
  const caller = new AbortController();
  const gone = server.fetch('/sdapi/v1/txt2img', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fromClient),
    signal: caller.signal,
  });
  const waiting = async () => (await server.call(listJobs, { phase: 'queued' })).jobs;
  await expect.poll(async () => (await waiting()).length).toBe(1);
  const [{ id }] = await waiting();
  caller.abort();
  await expect(gone).rejects.toThrow();
  await server.call(cancelJob, { id: before });
  expect(await server.job(id)).toMatchObject({ phase: 'done', pictures: [{}] });
});

test('what the client reads at its start and for its lists has the shapes it expects', async () => {
  expect(await get('scripts')).toEqual({ txt2img: [], img2img: [] });
  expect(await get('samplers')).toContainEqual({
    name: 'Euler a',
    aliases: expect.arrayContaining(['k_euler_a']) as string[],
    options: {},
  });
  expect(await get('schedulers')).toContainEqual(expect.objectContaining({ name: 'karras', label: 'Karras' }));
  expect(await get('sd-vae')).toEqual([]);
  expect(await get('cmd-flags')).toMatchObject({ api: true, listen: false });
  expect((await post('refresh-checkpoints')).body).toBeNull();
  expect(await get('options')).toMatchObject({ samples_format: 'png' });
});

test('a job that fails answers with its error', async () => {
  const waiting = post('txt2img', { ...fromClient, steps: 150, n_iter: 20 });
  await expect
    .poll(async () => (await server.call(listJobs, { limit: 1 })).jobs[0])
    .toMatchObject({ phase: 'running', request: { batchCount: 20 } });
  process.kill(server.children().engine, 'SIGKILL');
  expect(await waiting).toMatchObject({ status: 503, body: { code: 'engine-ended', detail: expect.any(String) as string } });
});

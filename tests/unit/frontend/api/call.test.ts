import { afterEach, expect, test, vi } from 'vitest';
import { callExtensionRoute, cancelJob, countTokens, createTxt2ImgJob, listPictures } from '@atelier/sdk/contracts';
import { call, callRoute } from '../../../../frontend/src/api/call.js';

/** Answers every request with one reply, and keeps what was asked. */
function answering(status: number, reply: unknown) {
  const asked: { path: string; method: string; body: unknown }[] = [];
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => {
    asked.push({ path, method: init.method!, body: init.body === undefined ? undefined : JSON.parse(init.body as string) });
    return Promise.resolve(new Response(typeof reply === 'string' ? reply : JSON.stringify(reply), { status }));
  });
  return asked;
}
afterEach(() => vi.unstubAllGlobals());

test('path, query and body are told apart by the contract', async () => {
  const asked = answering(201, { jobId: 'j1' });
  expect(await call(createTxt2ImgJob, { prompt: 'a cat', place: 'front' })).toEqual({ jobId: 'j1' });
  expect(asked).toEqual([{ path: '/api/txt2img?place=front', method: 'POST', body: { prompt: 'a cat' } }]);
});

test('what stands in the path is escaped and leaves the body', async () => {
  const asked = answering(500, { code: 'x', message: 'm' });
  await expect(call(cancelJob, { id: 'a/b', keep: true })).rejects.toMatchObject({ code: 'x' });
  expect(asked).toEqual([{ path: '/api/jobs/a%2Fb/cancel', method: 'POST', body: { keep: true } }]);
});

test('a GET has no body, and what is not given is not asked for', async () => {
  const asked = answering(200, { pictures: [], total: 0 });
  await call(listPictures, { limit: 10 });
  expect(asked).toEqual([{ path: '/api/pictures?limit=10', method: 'GET', body: undefined }]);
});

test('a refusal is thrown with the server’s code, message and hint', async () => {
  answering(404, {
    code: 'checkpoint-not-found',
    message: 'No checkpoint is called "tinny".',
    hint: 'Known checkpoints: tiny.',
    kind: 'not-found',
  });
  await expect(call(createTxt2ImgJob, {})).rejects.toMatchObject({
    code: 'checkpoint-not-found',
    message: 'No checkpoint is called "tinny".',
    hint: 'Known checkpoints: tiny.',
  });
});

test('a server that is away, one that is not ours, and an answer off the contract are each said so', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('fetch failed')));
  await expect(call(countTokens, { prompt: '' })).rejects.toMatchObject({ code: 'server-unreachable' });
  answering(502, '<html>Bad gateway</html>');
  await expect(call(countTokens, { prompt: '' })).rejects.toMatchObject({ code: 'unexpected-reply' });
  answering(200, { count: 'many' });
  await expect(call(countTokens, { prompt: '' })).rejects.toMatchObject({ code: 'unexpected-reply' });
});

test('a route of an extension takes anything as its body', async () => {
  const asked = answering(200, [1, 2]);
  expect(await callRoute('prompt-history', 'recent', { limit: 2 })).toEqual([1, 2]);
  const path = callExtensionRoute.path.replace(':id', 'prompt-history').replace(':route', 'recent');
  expect(asked).toEqual([{ path, method: 'POST', body: { limit: 2 } }]);
});

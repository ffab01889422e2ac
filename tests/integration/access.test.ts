import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endServers, heard, startServer, type TestServer } from '../support/start-server.js';

afterAll(endServers);

interface Answer {
  status: number;
  headers: NodeJS.Dict<string | string[]>;
  body: { code: string; hint: string };
}

/** `fetch` will not send a Host or Origin of one's choice, so this goes by hand. */
async function get(server: TestServer, address: string, headers: Record<string, string>): Promise<Answer> {
  const call = request(server.url + address, { headers });
  call.end();
  const [reply] = (await once(call, 'response')) as [IncomingMessage];
  const text = (await reply.toArray()).join('');
  return {
    status: reply.statusCode!,
    headers: reply.headers,
    body: text.startsWith('{') ? (JSON.parse(text) as Answer['body']) : { code: '', hint: '' },
  };
}

async function connects(server: TestServer, headers: Record<string, string>): Promise<boolean> {
  const socket = server.socket(headers);
  return await Promise.race([heard(socket, 'connect').then(() => true), heard(socket, 'connect_error').then(() => false)]);
}

describe('a server for this machine only', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });

  test.each(['127.0.0.1', 'localhost', '[::1]'])('may be called %s', async (name) => {
    const { port } = new URL(server.url);
    expect((await get(server, '/api/settings', { host: `${name}:${port}` })).status).toBe(200);
  });

  test('refuses another name, so that no website can make its own name point here', async () => {
    const answer = await get(server, '/api/settings', { host: 'evil.example' });
    expect(answer).toMatchObject({
      status: 403,
      body: { code: 'host-forbidden', hint: expect.stringContaining('--allow-host') as string },
    });
    expect((await get(server, '/socket.io/?EIO=4&transport=polling', { host: 'evil.example' })).status).toBe(403);
  });

  test('refuses pages of other origins, over HTTP and as a socket', async () => {
    for (const origin of ['https://evil.example', 'http://localhost:1', 'null']) {
      expect(await get(server, '/api/settings', { origin })).toMatchObject({ status: 403, body: { code: 'origin-forbidden' } });
      expect(await connects(server, { origin })).toBe(false);
    }
  });

  test('lets its own page in, over HTTP and as a socket', async () => {
    expect((await get(server, '/api/settings', { origin: server.url })).status).toBe(200);
    expect(await connects(server, { origin: server.url })).toBe(true);
  });

  test('lets the page run only scripts of its own, its import map included', async () => {
    const { headers } = await get(server, '/', {});
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'self'");
    expect(policy).toMatch(/script-src 'self' 'sha256-[^']+'/);
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
  });

  test('gives files of the page and of extensions, and nothing else of the disk', async () => {
    for (const address of [
      '/extension-files/../../settings.json',
      '/extension-files/x/1/server.js',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/api/pictures/..%2f..%2fsettings.json/file',
    ]) {
      expect((await get(server, address, {})).status).toBe(404);
    }
  });
});

describe('a server that asks who one is', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ args: ['--auth=ann:p:w', '--token=secret-word'] });
  });
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  test.each(['/', '/api/settings', '/api/pictures/x/file', '/sdapi/v1/options'])('keeps strangers from %s', async (address) => {
    const answer = await get(server, address, {});
    expect(answer).toMatchObject({ status: 401, body: { code: 'credentials-wrong' } });
    expect(answer.headers['www-authenticate']).toContain('Basic');
  });

  test('knows the name with its password, the token, and the token as a password', async () => {
    for (const authorization of [basic('ann:p:w'), 'Bearer secret-word', basic('anyone:secret-word')]) {
      expect((await get(server, '/api/settings', { authorization })).status).toBe(200);
      expect(await connects(server, { authorization })).toBe(true);
    }
  });

  test('refuses anything else', async () => {
    for (const authorization of [basic('ann:wrong'), basic('bob:p:w'), 'Bearer wrong', 'Bearer', basic('ann')]) {
      expect((await get(server, '/api/settings', { authorization })).status).toBe(401);
      expect(await connects(server, { authorization })).toBe(false);
    }
  });
});

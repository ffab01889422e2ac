import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { ServerEnded } from '../support/start-server.js';
import { endServers, startServer, type ServerWishes } from '../support/start-server.js';

afterEach(endServers);

async function ending(wishes: ServerWishes): Promise<ServerEnded> {
  return await startServer(wishes).then(
    () => expect.unreachable('the server should not have started'),
    (error: ServerEnded) => error,
  );
}

test('a port that is in use ends the start with its number and a way out', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { exitCode, said } = await ending({ args: [`--port=${port}`] });
  other.close();
  expect(exitCode).toBe(1);
  expect(said).toContain(`Port ${port} is in use`);
  expect(said).toContain(`--port ${port + 1}`);
  expect(said).toContain('port-in-use');
});

test('listening on a reachable address without credentials is refused at the start', async () => {
  const { exitCode, said } = await ending({ args: ['--listen'] });
  expect(exitCode).toBe(1);
  expect(said).toContain('credentials-missing');
  expect(said).toContain('--auth user:password');
});

test('an unknown flag ends the start with the flags there are', async () => {
  const { exitCode, said } = await ending({ args: ['--prot=1'] });
  expect(exitCode).toBe(1);
  expect(said).toMatch(/"--prot=1" is neither.*\n.*--port/);
});

test('the page and the API answer before the engine is up, and requests that need it wait', async () => {
  const server = await startServer();
  const answers = await Promise.all(['/api/status', '/api/settings', '/api/jobs'].map((address) => server.fetch(address)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  const catalogue = await server.fetch('/api/catalogue');
  expect(await catalogue.json()).toMatchObject({ checkpoints: [{ name: 'tiny' }] });
  await server.stop();
});

test('settings that cannot be read stop the start and stay as they are', async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'atelier-settings-'));
  mkdirSync(path.join(home, 'data'));
  writeFileSync(path.join(home, 'data/settings.json'), '{"checkpoint": 3}');
  const { said } = await ending({ home });
  expect(said).toContain('settings-file-invalid');
  expect(readFileSync(path.join(home, 'data/settings.json'), 'utf8')).toBe('{"checkpoint": 3}');
});

test('a ledger that cannot be opened stops the start and stays as it is', async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'atelier-ledger-'));
  mkdirSync(path.join(home, 'data'));
  writeFileSync(path.join(home, 'data/jobs.db'), 'no database at all, but longer than a header of one would be '.repeat(20));
  const { exitCode, said } = await ending({ home });
  expect(exitCode).toBe(1);
  expect(said).toContain('ledger-unreadable');
  expect(readFileSync(path.join(home, 'data/jobs.db'), 'utf8')).toMatch(/^no database/);
});

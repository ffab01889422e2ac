import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { checkCaller } from '../../../../backend/src/api/gate.js';
import { openerOf } from '../../../../backend/src/api/open-in-browser.js';
import { parseCommandLine } from '../../../../backend/src/command-line.js';

const local = parseCommandLine([]).options;
const reachable = parseCommandLine(['--listen', '--token=t', '--allow-host=atelier.example']).options;
const authorization = 'Bearer t';

test('a server for this machine knows loopback names only; other addresses of it are strangers', () => {
  for (const host of ['127.0.0.1:7860', 'localhost', '[::1]:7860', 'LOCALHOST:1']) expect(() => checkCaller({ host }, local)).not.toThrow();
  for (const host of ['192.168.1.5', 'evil.example', 'localhost.evil.example', '', hostname()]) {
    expect(() => checkCaller({ host }, local)).toThrow(expect.objectContaining({ code: 'host-forbidden' }) as Error);
  }
});

test('a reachable server is also called by any address, by its machine’s name and by names that were allowed', () => {
  for (const host of ['192.168.1.5:7860', '[fe80::1]:7860', hostname(), 'atelier.example'])
    expect(() => checkCaller({ host, authorization }, reachable)).not.toThrow();
  expect(() => checkCaller({ host: 'evil.example', authorization }, reachable)).toThrow(
    expect.objectContaining({ code: 'host-forbidden' }) as Error,
  );
});

test('an origin must be the host that is called, with its port', () => {
  const host = 'localhost:7860';
  expect(() => checkCaller({ host, origin: 'http://localhost:7860' }, local)).not.toThrow();
  for (const origin of ['http://localhost:1', 'http://127.0.0.1:7860', 'null', 'nonsense']) {
    expect(() => checkCaller({ host, origin }, local)).toThrow(expect.objectContaining({ code: 'origin-forbidden' }) as Error);
  }
});

test('the page is opened where there is a desktop', () => {
  expect(openerOf('linux', {})).toBeUndefined();
  expect(openerOf('linux', { DISPLAY: ':0' })).toEqual(['xdg-open']);
  expect(openerOf('linux', { WAYLAND_DISPLAY: 'wayland-0' })).toEqual(['xdg-open']);
  expect(openerOf('darwin', {})).toEqual(['open']);
});

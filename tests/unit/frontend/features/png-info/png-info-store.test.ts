// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { usePngInfoStore } from '../../../../../frontend/src/features/png-info/png-info-store.js';

beforeEach(() => setActivePinia(createPinia()));
afterEach(() => vi.unstubAllGlobals());

const readAs = (text: string) => Response.json({ source: 'a1111', text, request: {}, notApplied: [], items: {}, refused: [] });

test('of two pictures that are read at once, the later one stays', async () => {
  const answers: ((response: Response) => void)[] = [];
  vi.stubGlobal('fetch', () => new Promise<Response>((resolve) => answers.push(resolve)));
  const info = usePngInfoStore();
  const [first, second] = [info.show('the first'), info.show('the second')];
  answers[1](readAs('second'));
  await second;
  answers[0](readAs('first'));
  await first;
  expect(info.found?.text).toBe('second');
  expect(info.isReading).toBe(false);
});

test('a file that is no picture leaves the reason, until the next one', async () => {
  const refusal = { code: 'picture-unreadable', message: 'This is no picture.', hint: 'Take a PNG.', kind: 'invalid' };
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json(refusal, { status: 400 })));
  const info = usePngInfoStore();
  await info.show(new Blob(['x'], { type: 'application/zip' }));
  expect(info.error?.message).toBe('This is no picture.');
  expect(info.src).toBeUndefined();
  vi.stubGlobal('fetch', () => Promise.resolve(readAs('a cat')));
  await info.show('a cat');
  expect(info.error).toBeNull();
});

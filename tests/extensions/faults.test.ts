import path from 'node:path';
import { expect, test } from 'vitest';
import { ExtensionFault } from '../../backend/src/hooks/index.js';
import { adding, prompted, workshop } from './workshop.js';

const fixture = (name: string) => path.join(import.meta.dirname, 'fixtures', name);

test('an extension that throws while loading is failed and named; the others run', async () => {
  await using shop = await workshop();
  await shop.bring(fixture('throws-while-loading'));
  await shop.write('other', { 'index.ts': adding('other') });
  await shop.host.start();
  expect(shop.entry('throws-while-loading')).toMatchObject({
    state: 'failed',
    stage: 'activated',
    error: { message: 'Extension "throws-while-loading" failed in load: this extension throws while it is loaded', extension: 'throws-while-loading' },
  });
  expect(await prompted(shop.bus)).toBe('other');
  expect(shop.host.whoMightHaveBrought()[0]).toMatch(/^Extension throws-while-loading failed to start: /);
});

test('nothing of an extension with an invalid manifest runs, and every wrong field is named', async () => {
  await using shop = await workshop();
  await shop.bring(fixture('invalid-manifest'));
  await shop.host.start();
  const { state, stage, error } = shop.entry('invalid-manifest');
  expect([state, stage, error?.code]).toEqual(['failed', 'checked', 'manifest-invalid']);
  expect(error?.message).toContain('version is not a version like 1.0.0');
  expect(error?.message).toContain('colour');
});

test('a throw in a tap fails the caller, stands on the extension’s page, and the next prompt works', async () => {
  await using shop = await workshop();
  await shop.bring(fixture('throws-in-a-tap'));
  await shop.host.start();
  await expect(prompted(shop.bus, 'throw')).rejects.toThrow(ExtensionFault);
  expect(await prompted(shop.bus, 'a cat')).toBe('a cat');
  expect(shop.entry('throws-in-a-tap')).toMatchObject({
    state: 'active',
    faults: [{ message: 'Extension "throws-in-a-tap" failed in transformPrompt: this tap throws' }],
    timings: expect.arrayContaining([expect.objectContaining({ hook: 'transformPrompt', calls: 2, faults: 1 })]),
  });
});

test('a transform that returns nothing is a fault of the extension', async () => {
  await using shop = await workshop();
  await shop.bring(fixture('returns-nothing'));
  await shop.host.start();
  await expect(prompted(shop.bus, 'nothing')).rejects.toThrow('the tap returned nothing; return the value unchanged when there is nothing to do.');
  expect(await prompted(shop.bus, 'a cat')).toBe('a cat');
});

test('an extension whose tap ran for ever when the engine died does not start, says why, and starts again when it is reloaded', async () => {
  const report = { code: 'engine-hung', message: 'The engine hung in transformPrompt of "loops-for-ever".', hint: 'Reload it to try again.', kind: 'internal' as const };
  await using shop = await workshop({ suspects: { 'loops-for-ever': report } });
  await shop.bring(fixture('loops-for-ever'));
  await shop.host.start();
  expect(shop.entry('loops-for-ever')).toMatchObject({ state: 'disabled', error: report });
  expect(await prompted(shop.bus, 'loop')).toBe('loop');
  await shop.host.reload('loops-for-ever');
  expect(shop.entry('loops-for-ever')).toMatchObject({ state: 'active', error: null });
});

test('the latest twenty faults are kept, the newest first', async () => {
  await using shop = await workshop();
  await shop.write('noisy', {
    'index.ts': `export default { activate({ hooks }) { hooks.transformPrompt.tap((prompt) => { throw new Error('at ' + prompt.positive); }); } };`,
  });
  await shop.host.start();
  for (let i = 1; i <= 25; i++) await prompted(shop.bus, String(i)).catch(() => {});
  const { faults } = shop.entry('noisy');
  expect(faults).toHaveLength(20);
  expect(faults[0].message).toContain('at 25');
});

test('an error of an extension’s sampler names the extension and the sampler; its own model call is not blamed', async () => {
  await using shop = await workshop();
  await shop.write('odd-sampler', {
    'index.ts': `
      import { defineExtension, defineSampler } from '@atelier/sdk';
      const odd = defineSampler({ id: 'odd', label: 'Odd', async *steps({ denoise, x, sigmas }) {
        for (const sigma of sigmas) {
          const { denoised } = await denoise(x, sigma);
          if (sigma < 2) throw new Error('too low');
          yield { x: denoised, denoised, sigma };
        }
      } });
      export default defineExtension({ samplers: [odd] });`,
  });
  await shop.host.start();
  const [{ item: sampler, extension }] = shop.host.nouns().samplers;
  expect(extension).toBe('odd-sampler');
  const steps = async (denoise: () => Promise<never>) => {
    for await (const step of sampler.steps({ denoise, sigmas: [3, 2, 1], options: {} } as never)) expect(step.sigma).toBeGreaterThan(1);
  };
  await expect(steps(async () => ({ denoised: 1 }) as never)).rejects.toThrow('Extension "odd-sampler" failed in sampler odd: too low');
  const lost = new Error('device lost');
  await expect(steps(() => Promise.reject(lost))).rejects.toBe(lost);
  expect(shop.bus.timings().find((row) => row.hook === 'sampler odd')?.faults).toBe(1);
});

test('two things with one id: the second extension is withdrawn with all it brought', async () => {
  await using shop = await workshop();
  const source = (more: string) => `
    import { defineExtension, defineScheduler } from '@atelier/sdk';
    const cosine = defineScheduler({ id: 'cosine', label: 'Cosine', levels: () => [] });
    export default defineExtension({ schedulers: [cosine], ${more} });`;
  await shop.write('a-first', { 'index.ts': source('') });
  await shop.write('b-second', { 'index.ts': source("activate({ hooks }) { hooks.transformPrompt.tap((prompt) => ({ ...prompt, positive: 'b' })); }") });
  await shop.host.start();
  expect(shop.entry('a-first').schedulers).toEqual(['cosine']);
  expect(shop.entry('b-second')).toMatchObject({ state: 'failed', stage: 'running', error: { extension: 'b-second', hook: 'collectSchedulers' } });
  expect(await prompted(shop.bus)).toBe('');
});

test('wishes about order that contradict each other fail the extension that brings the contradiction', async () => {
  await using shop = await workshop();
  const before = (id: string) => `export default { activate({ hooks }) { hooks.transformPrompt.tap((prompt) => prompt, { before: ['${id}'] }); } };`;
  await shop.write('a', { 'index.ts': before('b') });
  await shop.write('b', { 'index.ts': before('a') });
  await shop.write('c', { 'index.ts': before('ghost') });
  await shop.host.start();
  expect(shop.entry('a').state).toBe('active');
  expect(shop.entry('b')).toMatchObject({ state: 'failed', stage: 'activated', error: { message: expect.stringContaining('ask for an order that does not exist') } });
  expect(shop.entry('c').notes).toEqual(['It wants a place relative to "ghost" in transformPrompt, which is not installed.']);
});

test.each([
  ['no default export', 'export const x = 1;', 'it has no default export'],
  ['an unknown field', 'export default { sampler: [] };', 'sampler'],
  ['a sampler without steps', "export default { samplers: [{ id: 'x', label: 'X' }] };", 'samplers.0.steps is not a function'],
  ['settings without defaults', "import { z } from '@atelier/sdk'; export default { settings: z.object({ size: z.number() }) };", 'has fields without a default'],
])('a server half with %s is refused by name', async (_, source, message) => {
  await using shop = await workshop();
  await shop.write('wrong', { 'index.ts': source });
  await shop.host.start();
  expect(shop.entry('wrong')).toMatchObject({ state: 'failed', stage: 'activated', error: { message: expect.stringContaining(message) } });
});

test('an activate that does not end is given up, and what it taps later is refused', async () => {
  await using shop = await workshop({ activationLimitMs: 50 });
  await shop.write('slow', {
    'index.ts': `export default { async activate({ hooks, signal }) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      hooks.transformPrompt.tap((prompt) => ({ ...prompt, positive: 'late' }));
    } };`,
  });
  await shop.host.start();
  expect(shop.entry('slow')).toMatchObject({ state: 'failed', error: { message: 'Extension "slow" failed in activate: activate did not end within 0.05 s.' } });
  expect(await prompted(shop.bus)).toBe('');
});

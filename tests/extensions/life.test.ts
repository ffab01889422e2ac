import { mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { adding, prompted, workshop } from './workshop.js';

test('ours come first, then by what they require, then by id', async () => {
  await using shop = await workshop();
  await shop.write('b', { 'index.ts': adding('b') });
  await shop.write('a', { 'index.ts': adding('a') }, { requires: ['b', 'z'] });
  await shop.write('z', { 'index.ts': adding('z') }, {}, 'builtin');
  await shop.host.start();
  expect(shop.host.entries().map((entry) => entry.id)).toEqual(['z', 'b', 'a']);
  expect(await prompted(shop.bus)).toBe('z b a');
});

test('what requires something that is missing, or requires itself in a ring, says so', async () => {
  await using shop = await workshop();
  await shop.write('lonely', { 'index.ts': adding('x') }, { requires: ['ghost'] });
  await shop.write('ring-a', { 'index.ts': adding('x') }, { requires: ['ring-b'] });
  await shop.write('ring-b', { 'index.ts': adding('x') }, { requires: ['ring-a'] });
  await shop.host.start();
  expect(shop.entry('lonely')).toMatchObject({ state: 'failed', stage: 'checked', error: { message: 'Extension "lonely" requires "ghost", which is not installed.' } });
  expect(shop.entry('ring-a').error?.message).toBe('Extension "ring-a" requires "ring-b", which does not run.');
});

test('an extension that is switched off takes those with it that require it, and they come back together', async () => {
  await using shop = await workshop();
  await shop.write('base', { 'index.ts': adding('base') });
  await shop.write('upon', { 'index.ts': adding('upon') }, { requires: ['base'] });
  await shop.host.start();
  shop.disabled.push('base');
  await shop.host.settingsChanged();
  expect([shop.entry('base').state, shop.entry('upon').state]).toEqual(['disabled', 'failed']);
  expect(await prompted(shop.bus)).toBe('');
  shop.disabled.pop();
  await shop.host.settingsChanged();
  expect(await prompted(shop.bus)).toBe('base upon');
});

test('in safe mode only ours run, and the others say why', async () => {
  await using shop = await workshop({ safe: true });
  await shop.write('ours', { 'index.ts': adding('ours') }, {}, 'builtin');
  await shop.write('theirs', { 'index.ts': adding('theirs') });
  await shop.host.start();
  expect(await prompted(shop.bus)).toBe('ours');
  expect(shop.entry('theirs')).toMatchObject({ state: 'disabled', error: { code: 'safe-mode' } });
});

test('a reload brings the new code in the old place, and tells the old one', async () => {
  await using shop = await workshop();
  const source = (word: string) =>
    adding(word).replace('activate({ hooks }) {', `activate({ hooks, signal }) { signal.addEventListener('abort', () => (globalThis.withdrawn = '${word}'));`);
  await shop.write('a', { 'index.ts': source('one') });
  await shop.write('b', { 'index.ts': adding('b') });
  await shop.host.start();
  await shop.write('a', { 'index.ts': source('two') });
  await shop.host.reload('a');
  expect(await prompted(shop.bus)).toBe('two b');
  expect((globalThis as { withdrawn?: string }).withdrawn).toBe('one');
});

test('a reload begins with fresh variables even when the code is the same', async () => {
  await using shop = await workshop();
  await shop.write('count', {
    'index.ts': `let calls = 0; export default { activate({ hooks }) { hooks.transformPrompt.tap((prompt) => ({ ...prompt, positive: String(++calls) })); } };`,
  });
  await shop.host.start();
  expect([await prompted(shop.bus), await prompted(shop.bus)]).toEqual(['1', '2']);
  await shop.host.reload('count');
  expect(await prompted(shop.bus)).toBe('1');
});

test.each([
  ['does not compile', 'export default {', 'compiled'],
  ['throws while it starts', 'export default { activate({ hooks }) { hooks.transformPrompt.tap(() => ({ positive: "half", negative: "" })); throw new Error("no"); } };', 'activated'],
])('when the new version %s the old one stays, and is shown as stale', async (_, source, stage) => {
  await using shop = await workshop();
  await shop.write('a', { 'index.ts': adding('old') });
  await shop.host.start();
  await shop.write('a', { 'index.ts': source });
  await shop.host.reload('a');
  expect(shop.entry('a')).toMatchObject({ state: 'stale', stage, error: { message: expect.stringContaining('"a"') } });
  expect(await prompted(shop.bus)).toBe('old');
  await shop.write('a', { 'index.ts': adding('mended') });
  await shop.host.reload('a');
  expect(shop.entry('a')).toMatchObject({ state: 'active', error: null });
  expect(await prompted(shop.bus)).toBe('mended');
});

test('an extension does not change in the middle of a job', async () => {
  await using shop = await workshop();
  await shop.write('a', { 'index.ts': adding('old') });
  await shop.host.start();
  await shop.write('a', { 'index.ts': adding('new') });
  let reload: Promise<void> | undefined;
  await shop.host.duringJob(async () => {
    reload = shop.host.reload('a');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await prompted(shop.bus)).toBe('old');
  });
  await reload;
  expect(await prompted(shop.bus)).toBe('new');
});

test('looking again finds new folders and drops missing ones, and does not wait for a job when there is nothing to do', async () => {
  await using shop = await workshop();
  const folder = await shop.write('a', { 'index.ts': adding('a') });
  await shop.host.start();
  await shop.host.duringJob(() => shop.host.refresh());
  await rm(folder, { recursive: true });
  await shop.write('b', { 'index.ts': adding('b') });
  await shop.host.refresh();
  expect(shop.host.entries().map((entry) => entry.id)).toEqual(['b']);
  expect(await prompted(shop.bus)).toBe('b');
});

test('every change is told once, after the registries are up to date', async () => {
  await using shop = await workshop();
  await shop.write('tabbed', { 'ui.ts': 'export default {};' }, { ui: 'ui.ts', contributes: { tabs: [{ id: 'tabbed', label: 'Tabbed' }] } });
  await shop.host.start();
  const told: unknown[] = [];
  shop.host.onChange(({ id, state }) => told.push([id, state, shop.host.nouns().tabs.map((tab) => tab.extension)]));
  shop.disabled.push('tabbed');
  await shop.host.settingsChanged();
  shop.disabled.pop();
  await shop.host.settingsChanged();
  expect(told).toEqual([
    ['tabbed', 'disabled', []],
    ['tabbed', 'active', ['tabbed']],
  ]);
});

test('in development a saved file reloads its extension, and a new folder is found', async () => {
  await using shop = await workshop({ watch: true });
  await shop.write('a', { 'index.ts': adding('old') });
  await shop.host.start();
  await shop.write('a', { 'index.ts': adding('new') });
  await vi.waitFor(async () => expect(await prompted(shop.bus)).toBe('new'), { timeout: 5000 });
  await shop.write('b', { 'index.ts': adding('b') });
  await vi.waitFor(async () => expect(await prompted(shop.bus)).toBe('new b'), { timeout: 5000 });
});

test('a folder that nobody can load is listed with the reason; files and hidden folders are not', async () => {
  await using shop = await workshop();
  await mkdir(path.join(shop.folders.user, 'some-legacy'));
  await mkdir(path.join(shop.folders.user, '.git'));
  await writeFile(path.join(shop.folders.user, 'README.md'), '');
  await shop.host.start();
  expect(shop.host.entries()).toMatchObject([{ id: 'some-legacy', state: 'not-an-extension', error: { code: 'not-an-extension' } }]);
  expect(shop.host.whoMightHaveBrought()).toEqual([]);
});

test('an extension of ours can load folders of another kind', async () => {
  await using shop = await workshop();
  await shop.write(
    'legacy-loader',
    {
      'index.ts': `
        import path from 'node:path';
        import { mkdir, writeFile } from 'node:fs/promises';
        export default { activate({ hooks, dataFolder }) {
          hooks.resolveExtension.tap(async ({ folder }) => {
            if (!folder.endsWith('some-legacy')) return undefined;
            await writeFile(path.join(dataFolder, 'shim.js'), "export default { activate({ hooks }) { hooks.transformPrompt.tap((prompt) => ({ ...prompt, positive: 'legacy' })); } };");
            return { loader: 'legacy', folder: dataFolder, manifest: { id: 'legacy-thing', name: 'Legacy', version: '0.0.1', sdk: '^1.0.0', server: 'shim.js' } };
          });
        } };`,
    },
    {},
    'builtin',
  );
  await mkdir(path.join(shop.folders.user, 'some-legacy'));
  await shop.host.start();
  expect(shop.entry('legacy-thing')).toMatchObject({ state: 'active', origin: 'user' });
  expect(await prompted(shop.bus)).toBe('legacy');
});

test('a folder linked among the extensions is read where it lies', async () => {
  await using shop = await workshop();
  const elsewhere = await shop.write('linked', { 'index.ts': `import { word } from './word.js'; export default { activate({ hooks }) { hooks.transformPrompt.tap((prompt) => ({ ...prompt, positive: word })); } };`, 'word.ts': `export const word: string = 'linked';` }, {}, 'builtin');
  await symlink(elsewhere, path.join(shop.folders.user, 'linked'), 'junction');
  shop.disabled.push('nothing');
  await shop.host.start();
  expect(await prompted(shop.bus)).toBe('linked');
  expect(shop.host.entries().map((entry) => [entry.origin, entry.state])).toEqual([
    ['builtin', 'active'],
    ['user', 'failed'], // the same id again
  ]);
});

test('settings come with defaults, follow every change, and wrong ones are named', async () => {
  await using shop = await workshop();
  await shop.write('set', {
    'index.ts': `
      import { defineExtension, defineSettings, z } from '@atelier/sdk';
      export default defineExtension({
        settings: defineSettings(z.object({ word: z.string().default('plain') })),
        activate({ hooks, settings }) { hooks.transformPrompt.tap((prompt) => ({ ...prompt, positive: String(settings().word) })); },
      });`,
  });
  await shop.host.start();
  expect(await prompted(shop.bus)).toBe('plain');
  shop.settings.set = { word: 'fancy' };
  expect(await prompted(shop.bus)).toBe('fancy');
  shop.settings.set = { word: 7 };
  await expect(prompted(shop.bus)).rejects.toMatchObject({ message: expect.stringContaining('The settings of extension "set" do not fit: word'), hint: expect.stringContaining('section of the settings') });
  expect(shop.entry('set').settingsSchema).toMatchObject({ properties: { word: { default: 'plain' } } });
});

test('warnings of an extension stand on its page', async () => {
  await using shop = await workshop();
  await shop.write('warns', { 'index.ts': `export default { activate({ log }) { log.warn('The shelf is empty.'); } };` });
  await shop.host.start();
  expect(shop.entry('warns').notes).toEqual(['The shelf is empty.']);
});

test('stopping withdraws everything', async () => {
  await using shop = await workshop();
  await shop.write('a', { 'index.ts': adding('a') });
  await shop.host.start();
  await shop.host.stop();
  expect(await prompted(shop.bus)).toBe('');
  expect(await readdir(path.join(shop.dataDir, 'extensions'))).toEqual(['a']);
  expect((await stat(path.join(shop.dataDir, 'extensions/a'))).isDirectory()).toBe(true);
});

import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { adding, prompted, workshop, type Workshop } from './workshop.js';

async function compiledOf(shop: Workshop, id: string): Promise<string[]> {
  const folder = path.join(shop.dataDir, 'cache/extensions', id);
  return (await readdir(folder)).sort();
}

test('what has not changed is not compiled again', async () => {
  await using shop = await workshop();
  await shop.write('a', { 'index.ts': adding('a') });
  await shop.host.start();
  const [hash] = await compiledOf(shop, 'a');
  const file = path.join(shop.dataDir, 'cache/extensions/a', hash, 'server.js');
  const { mtimeMs } = await stat(file);
  await shop.host.reload('a');
  expect(await compiledOf(shop, 'a')).toEqual([hash]);
  expect((await stat(file)).mtimeMs).toBe(mtimeMs);
});

test('changed files go to a new address, and old ones are kept for a while only', async () => {
  await using shop = await workshop();
  await shop.write('a', { 'index.ts': adding('0') });
  await shop.host.start();
  for (const word of ['1', '2', '3', '4']) {
    await shop.write('a', { 'index.ts': adding(word) });
    await shop.host.reload('a');
  }
  expect(await prompted(shop.bus)).toBe('4');
  expect(await compiledOf(shop, 'a')).toHaveLength(3);
});

test('packages stay outside, at absolute addresses: the extension’s own first, then ours', async () => {
  await using shop = await workshop();
  const folder = await shop.write('packaged', {
    'index.ts': `
      import { readFile } from 'fs/promises';
      import { word } from 'my-words';
      import { AppError } from '@atelier/sdk';
      export default { activate({ hooks }) { hooks.transformPrompt.tap((prompt) => ({ ...prompt, positive: [word, typeof readFile, typeof AppError].join(' ') })); } };`,
    'node_modules/my-words/package.json': '{ "name": "my-words", "type": "module", "exports": "./index.js" }',
    'node_modules/my-words/index.js': `export const word = 'own';`,
  });
  await shop.host.start();
  expect(await prompted(shop.bus)).toBe('own function function');
  const [hash] = await compiledOf(shop, 'packaged');
  const code = await readFile(path.join(shop.dataDir, 'cache/extensions/packaged', hash, 'server.js'), 'utf8');
  expect(code).toContain(`file://${folder}/node_modules/my-words/index.js`);
  expect(code).toContain('"node:fs/promises"');
});

test.each([
  ['a file outside of the folder', `import '../other/index.js';`, 'which lies outside of its folder'],
  ['a package that is not installed', `import 'no-such-package';`, 'which is not installed'],
  ['the backend', `import '@atelier/backend/testing';`, 'which is not for extensions'],
  ['the page’s kit', `import { fill } from '@atelier/sdk/ui'; fill('');`, 'which is for the page half'],
])('importing %s is refused by name', async (_, source, message) => {
  await using shop = await workshop();
  await shop.write('other', { 'index.ts': 'export default {};' });
  await shop.write('greedy', { 'index.ts': `${source}\nexport default {};` });
  await shop.host.start();
  expect(shop.entry('greedy')).toMatchObject({ state: 'failed', stage: 'compiled', error: { code: 'compile-failed', message: expect.stringContaining(message) } });
  expect(shop.host.whoMightHaveBrought()[0]).toMatch(/^Extension greedy failed to compile: /);
});

test('a syntax error is shown with file and line', async () => {
  await using shop = await workshop();
  await shop.write('wrong', { 'index.ts': 'export default {};\nconst = 3;\n' });
  await shop.host.start();
  expect(shop.entry('wrong').error?.message).toMatch(/index\.ts.*2/);
});

test('links inside the folder and too many files are refused', async () => {
  await using shop = await workshop();
  const linked = await shop.write('linked', { 'index.ts': 'export default {};' });
  await symlink('/etc/hostname', path.join(linked, 'secrets.txt'));
  const crowded = await shop.write('crowded', { 'index.ts': 'export default {};' });
  await mkdir(path.join(crowded, 'many'));
  await Promise.all(Array.from({ length: 2001 }, (_, i) => writeFile(path.join(crowded, 'many', String(i)), '')));
  await shop.host.start();
  expect(shop.entry('linked').error?.message).toContain('is a link');
  expect(shop.entry('crowded').error?.message).toContain('more than 2000 files');
});

test('the page half is one module that shares vue, pinia and the kit, with scoped styles beside it', async () => {
  await using shop = await workshop();
  await shop.write(
    'tabbed',
    {
      'ui.ts': `import { defineUi } from '@atelier/sdk/ui'; export default defineUi({ tabs: { tabbed: () => import('./TheTab.vue') } });`,
      'TheTab.vue': `<script setup lang="ts">
        import { usePrompt } from '@atelier/sdk/ui';
        import { defineStore } from 'pinia';
        import { ref, type Ref } from 'vue';
        import word from 'my-words';
        const count: Ref<number> = ref(0);
        const { positive } = usePrompt();
        const store = defineStore('x', () => ({}));
        </script>
        <template><b class="mine" @click="positive = word">{{ count }} {{ store }}</b></template>
        <style scoped>.mine { color: red; }</style>`,
      'node_modules/my-words/package.json': '{ "name": "my-words", "type": "module", "exports": "./index.js" }',
      'node_modules/my-words/index.js': `export default 'bundled in';`,
    },
    { ui: 'ui.ts', contributes: { tabs: [{ id: 'tabbed', label: 'Tabbed' }] } },
  );
  await shop.host.start();
  const { uiUrl, state, error } = shop.entry('tabbed');
  expect([error, state]).toEqual([null, 'active']);
  const [hash] = await compiledOf(shop, 'tabbed');
  expect(uiUrl).toBe(`/extension-files/tabbed/${hash}/ui.js`);
  const folder = path.join(shop.dataDir, 'cache/extensions/tabbed', hash);
  expect((await readdir(folder)).sort()).toEqual(['package.json', 'ui.css', 'ui.js', 'ui.js.map']);
  const code = await readFile(path.join(folder, 'ui.js'), 'utf8');
  expect(new Set([...code.matchAll(/^import .* from "(.*)";$/gm)].map((match) => match[1]))).toEqual(new Set(['@atelier/sdk/ui', 'pinia', 'vue']));
  expect(code).toContain('bundled in');
  expect(code).toContain('./ui.css');
  expect(await readFile(path.join(folder, 'ui.css'), 'utf8')).toMatch(/\.mine\[data-v-\w+\]/);
  expect(shop.host.nouns().tabs).toEqual([{ id: 'tabbed', label: 'Tabbed', icon: 'puzzle', order: 0, extension: 'tabbed' }]);
});

test('the page half cannot use what browsers do not have', async () => {
  await using shop = await workshop();
  await shop.write('reading', { 'ui.ts': `import { readFileSync } from 'node:fs'; export default { tabs: { x: readFileSync } };` }, { ui: 'ui.ts' });
  await shop.host.start();
  expect(shop.entry('reading').error?.message).toContain('which browsers do not have');
});

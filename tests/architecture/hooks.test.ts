import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { hookNames } from '../../backend/src/hooks/index.js';
import { hooksPage, readHooks } from '../../scripts/hooks.mjs';

const hooks = readHooks() as { name: string; doc: string }[];

test('the bus has exactly the hooks of the table', () => {
  expect([...hookNames].sort()).toEqual(hooks.map((hook) => hook.name).sort());
});

test('every hook says when it runs', () => {
  expect(hooks.filter((hook) => hook.doc === '').map((hook) => hook.name)).toEqual([]);
});

test('codex/hooks.md is what `npm run hooks` writes', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../codex/hooks.md'), 'utf8');
  expect(page === hooksPage(), 'codex/hooks.md is stale: run `npm run hooks`').toBe(true);
});

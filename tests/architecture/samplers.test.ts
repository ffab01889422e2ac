import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { samplers } from '../../backend/src/diffusion/samplers/index.js';
import { schedulers } from '../../backend/src/diffusion/schedulers/index.js';
import { samplersPage } from '../../scripts/samplers.mjs';

const page = samplersPage({ samplers, schedulers }) as string;

test('every sampler and schedule says what it does', () => {
  const silent = [...samplers, ...schedulers].filter(({ label }) => page.includes(`### ${label}\n\n\n\n`));
  expect(silent.map(({ id }) => id)).toEqual([]);
});

test('codex/samplers.md is what `npm run samplers` writes', () => {
  const written = readFileSync(path.join(import.meta.dirname, '../../codex/samplers.md'), 'utf8');
  expect(written === page, 'codex/samplers.md is stale: run `npm run samplers`').toBe(true);
});

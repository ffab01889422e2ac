import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { forbiddenImport, knowEveryone, layers, nestPlaces } from '../../layers.mjs';
import { filesBelow, importsOf, root } from '../support/repository.js';

const server = 'backend/src';
const sources = filesBelow(server).filter((file) => file.endsWith('.ts'));
const top = (file: string) => file.split('/')[0];

/** The sentences for every import of a file that the table forbids. */
function violations(file: string, source: string): string[] {
  const folder = top(file);
  if (knowEveryone.includes(folder)) return [];
  const allowed = layers[folder] ?? [];
  const imported = importsOf(source)
    .filter((name) => name.startsWith('.'))
    .map((name) => top(path.posix.join(path.posix.dirname(file), name).replace(/\.js$/, '.ts')));
  return [...new Set(imported)]
    .filter((place) => place !== folder && !allowed.includes(place))
    .map((place) => forbiddenImport(file, place));
}

test('every folder of the server imports only what its layer may', () => {
  const found = sources.flatMap((file) => violations(file, readFileSync(path.join(root, server, file), 'utf8')));
  expect(found, found.join('\n')).toEqual([]);
});

test('a wrong import is answered with a sentence that names both ends and the reason', () => {
  expect(violations('diffusion/sample.ts', `import type { Device } from '../inference/device.js';`)).toEqual([
    'diffusion/sample.ts imports inference/; the model reaches diffusion as a Denoise function.',
  ]);
  expect(violations('api/jobs.controller.ts', `const { run } = await import('../engine/run-job.js');`)).toEqual([
    'api/jobs.controller.ts imports engine/; the server reaches the engine through jobs/ and the contracts of the sdk.',
  ]);
});

test('no folder of the server is missing from the layer table', () => {
  const folders = new Set(sources.filter((file) => file.includes('/')).map(top));
  expect([...folders].filter((folder) => !(folder in layers) && !knowEveryone.includes(folder))).toEqual([]);
});

test('the layer table has no circle', () => {
  const reaches = (from: string, seen: readonly string[] = []): string[] =>
    seen.includes(from)
      ? [...seen, from]
      : ((layers[from] ?? []).map((to) => reaches(to, [...seen, from])).find((way) => way.length > 0) ?? []);
  for (const folder of Object.keys(layers)) expect(reaches(folder), folder).toEqual([]);
});

test('Nest is imported, and its file suffixes used, in api/, jobs/, main.ts and app.module.ts only', () => {
  const outside = sources.filter((file) => !nestPlaces.includes(top(file)) && !knowEveryone.includes(top(file)));
  const importing = outside.filter((file) =>
    importsOf(readFileSync(path.join(root, server, file), 'utf8')).some((name) => name.startsWith('@nestjs/')),
  );
  expect(importing).toEqual([]);
  expect(outside.filter((file) => /\.(controller|service|gateway|module)\.ts$/.test(file))).toEqual([]);
});

test('the page, the sdk and extensions import the sdk and nothing else of ours', () => {
  const forbidden = {
    sdk: /^@atelier\/(backend|frontend)/,
    frontend: /^@atelier\/backend|(^|\/)backend\//,
    extension: /^(?!@atelier\/backend\/model-families$)(@atelier\/(backend|frontend)|(.*\/)?(backend|frontend)\/)/, // decision 21
  };
  const wrong = (folder: string, pattern: RegExp) =>
    filesBelow(folder)
      .filter((file) => /\.(ts|vue)$/.test(file) && !file.endsWith('.test.ts'))
      .flatMap((file) =>
        importsOf(readFileSync(path.join(root, folder, file), 'utf8'))
          .filter((name) => pattern.test(name))
          .map((name) => `${folder}/${file} imports ${name}`),
      );
  expect(wrong('sdk/src', forbidden.sdk)).toEqual([]);
  expect(wrong('frontend', forbidden.frontend)).toEqual([]);
  expect(wrong('sdk/examples', forbidden.extension)).toEqual([]);
  expect(wrong('extensions-builtin', forbidden.extension)).toEqual([]);
});

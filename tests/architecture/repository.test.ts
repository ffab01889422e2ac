import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { ExtensionManifest } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { satisfies } from '../../scripts/node-version.mjs';
import { filesBelow, root } from '../support/repository.js';

const MEBIBYTE = 2 ** 20;

const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const readJson = <T>(file: string) => JSON.parse(read(file)) as T;
const foldersOf = (place: string) =>
  readdirSync(path.join(root, place), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

/** What git keeps, of what lies in the working tree. */
const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((file) => file !== '' && existsSync(path.join(root, file)));

test('the working tree stays under 60 MiB, the starter checkpoint included', () => {
  const bytes = tracked.reduce((sum, file) => sum + statSync(path.join(root, file)).size, 0);
  expect(bytes / MEBIBYTE).toBeLessThan(60);
});

test('the starter is the only weight file in git outside of the test data', () => {
  const weights = tracked.filter((file) => /\.(safetensors|ckpt|pt|gguf|onnx)$/.test(file) && !file.startsWith('tests/'));
  expect(weights).toEqual(['models/checkpoints/atelier-starter.safetensors']);
});

test('every version of a dependency is exact', () => {
  type Manifest = Record<string, Record<string, string> | undefined>;
  const loose = ['package.json', 'sdk/package.json', 'backend/package.json', 'frontend/package.json'].flatMap((file) => {
    const manifest = readJson<Manifest>(file);
    return ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies', 'overrides']
      .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${file}: ${name} ${version}`);
  });
  expect(loose).toEqual([]);
});

test('allowScripts answers for every install script in the tree, and with no', () => {
  const { packages } = readJson<{ packages: Record<string, { hasInstallScript?: true }> }>('package-lock.json');
  const { allowScripts } = readJson<{ allowScripts: Record<string, boolean> }>('package.json');
  const scripted = Object.entries(packages)
    .filter(([, facts]) => facts.hasInstallScript)
    .map(([place]) => place.split('node_modules/').at(-1));
  expect(Object.keys(allowScripts).sort()).toEqual([...new Set(scripted)].sort());
  expect(Object.values(allowScripts)).not.toContain(true);
});

test('each supported line of Node is taken from its first good version on, and no other', () => {
  const { engines } = readJson<{ engines: { node: string } }>('package.json');
  for (const good of ['20.19.0', '20.20.2', '22.16.0', '22.21.1', '24.0.0', '26.10.0'])
    expect(satisfies(good, engines.node), good).toBe(true);
  for (const bad of ['18.20.8', '20.18.3', '21.7.3', '22.15.1', '23.11.0']) expect(satisfies(bad, engines.node), bad).toBe(false);
});

const extensionFolders = ['extensions-builtin', 'sdk/examples'].flatMap((place) => foldersOf(place).map((name) => `${place}/${name}`));

test.for(extensionFolders)('%s has a valid manifest, and is called as its folder', (folder) => {
  const manifest = ExtensionManifest.parse(readJson(`${folder}/extension.json`));
  expect(manifest.id).toBe(path.basename(folder));
  for (const named of [manifest.server, manifest.ui, manifest.localization]) {
    if (named !== undefined) expect(existsSync(path.join(root, folder, named)), `${folder}/${named}`).toBe(true);
  }
});

test.for(foldersOf('backend/src'))('backend/src/%s has a README of at most a screen', (folder) => {
  const file = `backend/src/${folder}/README.md`;
  expect(existsSync(path.join(root, file)), `${file} is missing`).toBe(true);
  expect(read(file).split('\n').length).toBeLessThanOrEqual(50);
});

test('no file or folder is called by a name that says nothing', () => {
  const banned = /^(utils?|helpers?|common|manager|handler|misc|data|info)(\.|$)/;
  const wrong = tracked.filter((file) => !file.startsWith('tests/goldens/') && file.split('/').some((part) => banned.test(part)));
  expect(wrong).toEqual([]);
});

test('the decisions are numbered without a gap, and each says context, decision, price and status', () => {
  const pages = readdirSync(path.join(root, 'codex/decisions')).sort();
  expect(pages.map((page) => Number(page.slice(0, 4)))).toEqual(pages.map((_, index) => index + 1));
  for (const page of pages) {
    const headings = [...read(`codex/decisions/${page}`).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings, page).toEqual(['Context', 'Decision', 'What we gave up', 'Status']);
  }
});

test('links between documents lead somewhere', () => {
  const documents = tracked.filter((file) => file.endsWith('.md') && !/^tests\/(goldens|starter)\//.test(file));
  const broken = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .map(([, target]) => target)
      .filter((target) => !existsSync(path.join(root, path.dirname(file), target)))
      .map((target) => `${file} → ${target}`),
  );
  expect(broken).toEqual([]);
});

interface GoldenManifest {
  files: Record<string, { bytes: number; sha256: string }>;
}

/** Of the tiny models only these are copied (the rest would take the tree over its size); everything else is copied whole. */
const copiedModels =
  /^(README\.md|MANIFEST\.json|checkpoints\/(configs\.json|sd15-fp16\.safetensors)|refs\/sd15-fp16\.(json|safetensors)|detection\/.+)$/;

test.for([
  { folder: 'tests/goldens', isCopied: (file: string) => !file.startsWith('models/') },
  { folder: 'tests/goldens/models', isCopied: (file: string) => copiedModels.test(file) },
])('$folder equals the given answers byte for byte', ({ folder, isCopied }) => {
  const { files } = readJson<GoldenManifest>(`${folder}/MANIFEST.json`);
  const expected = Object.keys(files).filter(isCopied).sort();
  const present = filesBelow(folder)
    .filter((file) => file !== 'MANIFEST.json' && isCopied(file))
    .sort();
  expect(present).toEqual(expected);
  for (const file of expected) {
    const bytes = readFileSync(path.join(root, folder, file));
    expect(bytes.length, file).toBe(files[file].bytes);
    expect(createHash('sha256').update(bytes).digest('hex'), file).toBe(files[file].sha256);
  }
});

test('the copied models hold nothing but what the rule names', () => {
  expect(filesBelow('tests/goldens/models').filter((file) => !copiedModels.test(file))).toEqual([]);
});

import { EventEmitter, once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { foldersIn } from '../../../../backend/src/library/model-folders.js';
import { watchModels } from '../../../../backend/src/library/model-watcher.js';

let models = '';
let watcher: AsyncDisposable;
const told = new EventEmitter<{ change: []; error: [unknown] }>();
beforeEach(async () => {
  models = mkdtempSync(path.join(os.tmpdir(), 'atelier-watched-'));
  mkdirSync(path.join(models, 'checkpoints'));
  const begun = once(told, 'change');
  watcher = watchModels(
    foldersIn([models]),
    () => told.emit('change'),
    (error) => told.emit('error', error),
  );
  await begun;
});
afterEach(async () => {
  await watcher[Symbol.asyncDispose]();
  rmSync(models, { recursive: true });
});

const put = (file: string): void => writeFileSync(path.join(models, file), 'a');

test.each([
  ['a file that comes', () => put('checkpoints/a.safetensors')],
  ['a folder that was not there when watching began', () => (mkdirSync(path.join(models, 'vae')), put('vae/a.safetensors'))],
  ['a note beside a model', () => put('checkpoints/a.json')],
])('%s is told', async (_, change) => {
  const changed = once(told, 'change');
  change();
  await changed;
  const gone = once(told, 'change');
  rmSync(path.join(models, 'checkpoints'), { recursive: true });
  await gone; // and that it was taken away
});

test('a file that grows is told when it has stopped growing, once', async () => {
  let count = 0;
  const increase = () => count++;
  told.on('change', increase);
  const file = path.join(models, 'checkpoints/a.safetensors');
  for (let piece = 0; piece < 8; piece++) {
    appendFileSync(file, 'a piece');
    await pause(200);
  }
  expect(count).toBe(0);
  await once(told, 'change');
  expect(count).toBe(1);
  told.off('change', increase);
});

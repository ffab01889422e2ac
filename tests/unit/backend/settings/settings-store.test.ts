import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SettingsPatch } from '@atelier/sdk/contracts';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SettingsStore } from '../../../../backend/src/settings/settings-store.js';

let file: string;
beforeEach(() => {
  file = path.join(mkdtempSync(path.join(os.tmpdir(), 'atelier-settings-')), 'inner', 'settings.json');
});
afterEach(() => rmSync(path.dirname(path.dirname(file)), { recursive: true }));

test('a change is on disk when it returns, and everyone is told', () => {
  const store = new SettingsStore(file);
  const told: unknown[] = [];
  store.onChange((settings) => told.push(settings));
  const changed = store.change({ checkpoint: 'tiny' });
  expect(told).toEqual([changed]);
  expect(new SettingsStore(file).current).toEqual(changed);
  expect(readdirSync(path.dirname(file))).toEqual(['settings.json']);
});

test('an extension’s section is replaced as a whole, and others stay', () => {
  const store = new SettingsStore(file);
  store.change({ extensions: { a: { x: 1, y: 2 }, b: { z: 3 } } });
  expect(store.change({ extensions: { a: { x: 5 } } }).extensions).toEqual({ a: { x: 5 }, b: { z: 3 } });
});

test('a file that cannot be understood is named, and stays as it is', () => {
  new SettingsStore(file).change({});
  for (const text of ['{"checkpoint":', '{"checkpoint": 3}', '{"colour": "blue"}']) {
    writeFileSync(file, text);
    expect(() => new SettingsStore(file)).toThrow(file);
    expect(readFileSync(file, 'utf8')).toBe(text);
  }
});

test('a change that came over HTTP leaves what it does not name as it was', () => {
  const store = new SettingsStore(file);
  store.change({ checkpoint: 'tiny', livePreviews: false, disabledExtensions: ['a'] });
  const changed = store.change(SettingsPatch.parse({ language: 'de' }));
  expect(changed).toMatchObject({ language: 'de', checkpoint: 'tiny', livePreviews: false, disabledExtensions: ['a'] });
});

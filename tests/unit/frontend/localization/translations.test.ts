// @vitest-environment happy-dom
import { afterEach, expect, test, vi } from 'vitest';
import { fill } from '@atelier/sdk/ui';
import { languages, speak, t } from '../../../../frontend/src/localization/translations.js';

afterEach(() => vi.unstubAllGlobals());

test('a language is loaded when it is chosen; what it lacks stays English', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (address: string) => {
    asked.push(address);
    return Promise.resolve(Response.json({ Width: 'Breite', '{time} left': 'noch {time}', Height: '' }));
  });
  expect(languages.map(({ value }) => value)).toContain('de');
  await speak('de');
  expect(asked).toHaveLength(1);
  expect(t('Width')).toBe('Breite');
  expect(t('{time} left', { time: '4 s' })).toBe('noch 4 s');
  expect(t('Height')).toBe('Height');
  expect(document.documentElement.lang).toBe('de');
  await speak('en');
  expect(t('Width')).toBe('Width');
  expect(document.documentElement.lang).toBe('en');
});

test('a name without a value stays as it is', () => expect(fill('{a} and {b}', { a: 1 })).toBe('1 and {b}'));

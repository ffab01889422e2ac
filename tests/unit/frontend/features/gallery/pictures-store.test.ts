import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { usePicturesStore } from '../../../../../frontend/src/features/gallery/pictures-store.js';
import { aJob, aPicture } from '../../a-job.js';

const at = (minute: number) => `2026-01-01T10:${String(minute).padStart(2, '0')}:00.000Z`;
const all = Array.from({ length: 150 }, (_, age) =>
  aPicture(`p${age}`, { createdAt: new Date(Date.parse(at(59)) - 1000 * age).toISOString() }),
);

beforeEach(() => {
  setActivePinia(createPinia());
  vi.stubGlobal('fetch', (path: string) => {
    const query = new URL(path, 'http://atelier').searchParams;
    const from = query.has('before') ? all.findIndex(({ id }) => id === query.get('before')) + 1 : 0;
    return Promise.resolve(Response.json({ pictures: all.slice(from, from + Number(query.get('limit'))), total: all.length }));
  });
});
afterEach(() => vi.unstubAllGlobals());

test('the history comes in pages, as far as someone scrolls', async () => {
  const history = usePicturesStore();
  await history.load();
  expect(history.pictures).toHaveLength(100);
  await history.loadMore();
  expect(history.pictures.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  expect(history.hasMore).toBe(false);
});

test('a picture that a job has just finished stands first, once', async () => {
  const history = usePicturesStore();
  await history.load();
  const fresh = aPicture('new', { createdAt: '2026-01-01T11:00:00.000Z' });
  history.receive(aJob({ pictures: [fresh, all[0]] }));
  history.receive(aJob({ pictures: [fresh, all[0]] }));
  expect(history.pictures.slice(0, 2).map(({ id }) => id)).toEqual(['new', 'p0']);
  expect(history.total).toBe(151);
});

test('the neighbours of a picture are the next older and the next newer one', async () => {
  const history = usePicturesStore();
  await history.load();
  expect(history.beside('p5', 1)?.id).toBe('p6');
  expect(history.beside('p5', -1)?.id).toBe('p4');
  expect(history.beside('p0', -1)).toBeUndefined();
});

import { expect, test } from 'vitest';
import { workshop, type Workshop } from './workshop.js';

async function withRoutes(): Promise<Workshop> {
  const shop = await workshop();
  await shop.write('shelf', {
    'index.ts': `
      import { AppError, defineExtension, defineRoute, z } from '@atelier/sdk';
      class ShelfEmpty extends AppError { code = 'shelf-empty'; kind = 'not-found'; }
      export default defineExtension({ routes: {
        double: defineRoute({ input: z.object({ n: z.int().default(1) }), output: z.object({ n: z.int() }), handle: ({ n }) => ({ n: 2 * n, secret: 'x' }) }),
        lie: defineRoute({ input: z.object({}), output: z.object({ n: z.int() }), handle: () => ({ n: 'three' }) as never }),
        fail: defineRoute({ input: z.object({}), output: z.object({}), handle: () => { throw new ShelfEmpty('The shelf is empty.', 'Put a book on it.'); } }),
        where: defineRoute({ input: z.object({}), output: z.string(), handle: (_, { dataFolder }) => dataFolder }),
      } });`,
  });
  await shop.host.start();
  return shop;
}

test('defaults are filled in on the way in, undeclared fields are left out on the way out', async () => {
  await using shop = await withRoutes();
  expect(await shop.host.callRoute('shelf', 'double', { n: 4 })).toEqual({ n: 8 });
  expect(await shop.host.callRoute('shelf', 'double', {})).toEqual({ n: 2 });
  expect(await shop.host.callRoute('shelf', 'where', {})).toBe(`${shop.dataDir}/extensions/shelf`);
});

test('input that does not fit is refused with its field, and is nobody’s fault', async () => {
  await using shop = await withRoutes();
  await expect(shop.host.callRoute('shelf', 'double', { n: 'x' })).rejects.toMatchObject({ code: 'route-input-invalid', kind: 'invalid', message: expect.stringContaining(': n ') });
  expect(shop.entry('shelf').faults).toEqual([]);
});

test('output that does not fit is the extension’s fault', async () => {
  await using shop = await withRoutes();
  await expect(shop.host.callRoute('shelf', 'lie', {})).rejects.toMatchObject({ code: 'extension-fault', kind: 'internal', message: expect.stringMatching(/^Extension "shelf" failed in route lie: .*: n / ) });
  expect(shop.entry('shelf').faults).toHaveLength(1);
});

test('what a handler throws keeps its kind and its hint, and names the extension', async () => {
  await using shop = await withRoutes();
  await expect(shop.host.callRoute('shelf', 'fail', {})).rejects.toMatchObject({
    kind: 'not-found',
    hint: 'Put a book on it.',
    message: 'Extension "shelf" failed in route fail: The shelf is empty.',
  });
});

test('an unknown route, an unknown extension and one that does not run are told apart', async () => {
  await using shop = await withRoutes();
  await expect(shop.host.callRoute('shelf', 'constructor', {})).rejects.toMatchObject({ code: 'route-not-found', hint: 'Its routes: double, lie, fail, where.' });
  await expect(shop.host.callRoute('ghost', 'x', {})).rejects.toMatchObject({ code: 'extension-not-found', hint: 'Known extensions: shelf.' });
  shop.disabled.push('shelf');
  await shop.host.settingsChanged();
  await expect(shop.host.callRoute('shelf', 'double', {})).rejects.toMatchObject({ code: 'extension-not-running', kind: 'unavailable', message: expect.stringContaining('is switched off') });
});

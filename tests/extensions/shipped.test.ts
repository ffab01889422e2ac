import { readdirSync } from 'node:fs';
import path from 'node:path';
import { loadExtension } from '@atelier/backend/testing';
import { describe, expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../..');
const shipped = ['extensions-builtin', 'sdk/examples'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(folder, entry.name)),
);

describe('everything we ship comes in by the door that is everyone’s', () => {
  test.each(shipped)('%s', async (folder) => {
    await using extension = await loadExtension(path.join(root, folder));
    expect(extension.entry()).toMatchObject({ id: path.basename(folder), state: 'active', error: null, faults: [] });
  });
});

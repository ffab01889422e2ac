import path from 'node:path';
import { defineConfig } from 'vitest/config';

const conditions = ['development', 'node'];

/** Apart from the other tests: slow, with files of gigabytes. `npm run test:full-size`; not in CI. */
export default defineConfig({
  root: path.join(import.meta.dirname, '../..'),
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: 'full-size',
    include: ['tests/full-size/**/*.test.ts'],
    testTimeout: 45 * 60_000,
    hookTimeout: 10 * 60_000,
    fileParallelism: false,
  },
});

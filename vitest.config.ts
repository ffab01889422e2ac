import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

const resolve = { conditions: ['development', 'node'] };
const ssr = { resolve: { conditions: ['development', 'node'] } };

/** A test project over one folder of `tests/` (and whatever else is named). */
function project(name: string, include: string[], more: Record<string, unknown> = {}) {
  return {
    plugins: [vue()],
    resolve,
    ssr,
    test: { name, include, environment: 'node', testTimeout: 30_000, hookTimeout: 120_000, ...more },
  };
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      project('unit', ['tests/unit/**/*.test.ts']),
      project('goldens', ['tests/known-answers/**/*.test.ts']),
      project('extensions', [
        'tests/extensions/**/*.test.ts',
        'sdk/examples/**/*.test.ts',
        'extensions-builtin/**/*.test.ts',
        'extensions/**/*.test.ts',
      ]),
      project('integration', ['tests/integration/**/*.test.ts'], { testTimeout: 120_000, fileParallelism: false }),
      project('browser', ['tests/browser/**/*.test.ts'], { testTimeout: 180_000, fileParallelism: false }),
      project('architecture', ['tests/architecture/**/*.test.ts']),
    ],
  },
});

/** Dead code: files nobody reaches, exports nobody imports, packages nobody uses. */
export default {
  ignoreExportsUsedInFile: true,
  workspaces: {
    '.': {
      entry: [
        'scripts/*.mjs',
        'scripts/bench/*.mjs',
        'scripts/measure/{record-model-calls,unet-program}.mjs',
        'tests/**/*.test.ts',
        'tests/full-size/vitest.config.ts',
        'extensions-builtin/*/**/*.{ts,vue}',
        'tests/{extensions,browser}/fixtures/*/**/*.ts',
      ],
      // started by their path, in scripts/check.mjs; the backend's runtime, which measuring looks into
      ignoreDependencies: ['prettier', 'vue-tsc', 'onnxruntime-node'],
      ignoreBinaries: ['mount', 'umount', 'prlimit'], // the system's, for tests of a full disk and full memory
      project: ['scripts/**/*.mjs', 'tests/**/*.ts', '*.{js,mjs,ts}'],
    },
    backend: { entry: ['src/main.ts'], project: ['src/**/*.ts'] },
    frontend: { entry: ['src/shared/*.ts'], project: ['src/**/*.{ts,vue}'] },
    // what the sdk exports is for extensions, whether or not ours use it
    sdk: { entry: ['src/{index,contracts/index,testing/index,ui/index}.ts', 'examples/**/*.ts'], project: ['src/**/*.{ts,vue}'] },
  },
};

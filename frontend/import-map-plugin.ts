import type { Plugin } from 'vite';

/** What extension pages import by name, and the file of ours that stands for it. */
const shared = {
  vue: 'src/shared/vue.ts',
  pinia: 'src/shared/pinia.ts',
  '@atelier/sdk/ui': 'src/shared/sdk-ui.ts',
} as const;

/**
 * Writes the import map into index.html: the three names that extension pages leave external lead to the very modules
 * the page itself runs on, so that both have one Vue, one Pinia and one control kit.
 */
export function sharedModules(): Plugin {
  return {
    name: 'atelier-shared-modules',
    config: () => ({
      build: {
        rolldownOptions: {
          input: ['index.html', ...Object.values(shared)],
          preserveEntrySignatures: 'strict', // their exports are a promise, not something to be optimised
        },
      },
    }),
    transformIndexHtml: {
      order: 'post',
      handler(_html, { bundle }) {
        const chunks = Object.values(bundle ?? {}).filter((file) => file.type === 'chunk');
        const addressOf = (source: string) => `/${chunks.find((chunk) => chunk.facadeModuleId?.endsWith(source))?.fileName ?? source}`;
        const imports = Object.fromEntries(Object.entries(shared).map(([name, source]) => [name, addressOf(source)]));
        return [{ tag: 'script', attrs: { type: 'importmap' }, children: JSON.stringify({ imports }), injectTo: 'head-prepend' }];
      },
    },
  };
}

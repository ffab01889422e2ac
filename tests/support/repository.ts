import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds everything. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

const generated = new Set(['node_modules', 'dist', '.git', '.vite', 'data', 'outputs', 'coverage']);

/** Paths of all files below a folder of the repository, relative to that folder and with slashes, without what is generated. */
export function filesBelow(folder: string): string[] {
  const from = path.join(root, folder);
  const found: string[] = [];
  const visit = (inner: string) => {
    for (const entry of readdirSync(path.join(from, inner), { withFileTypes: true })) {
      const place = path.posix.join(inner, entry.name);
      if (!entry.isDirectory()) found.push(place);
      else if (!generated.has(entry.name)) visit(place);
    }
  };
  visit('');
  return found;
}

/** Every module that a TypeScript or Vue source imports, exports from or loads lazily, as written. */
export function importsOf(source: string): string[] {
  const pattern = /\b(?:import|export)\s(?:[^'";]*?\sfrom\s)?\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g;
  return [...source.matchAll(pattern)].map(([, named, lazy]) => named ?? lazy);
}

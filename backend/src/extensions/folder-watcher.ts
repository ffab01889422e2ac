import path from 'node:path';
import { watch } from 'chokidar';
import { isIgnored, isInside } from './extension-folder.js';

/** Editors write a file in several steps, and people save several files at once. */
const QUIET_MS = 150;

/** Tells which extension's folder has changed, once it is quiet there. */
export async function watchFolders(roots: readonly string[], onChange: (folder: string) => Promise<void>): Promise<AsyncDisposable> {
  const timers = new Map<string, NodeJS.Timeout>();
  const watcher = watch([...roots], { ignoreInitial: true, ignored: (file) => isHidden(file) });
  watcher.on('all', (_, file) => {
    const root = roots.find((candidate) => isInside(candidate, file));
    if (root === undefined) return;
    const folder = path.join(root, path.relative(root, file).split(path.sep)[0]);
    clearTimeout(timers.get(folder));
    timers.set(
      folder,
      setTimeout(() => void onChange(folder), QUIET_MS),
    );
  });
  await new Promise<void>((resolve) => watcher.once('ready', resolve));
  return {
    async [Symbol.asyncDispose]() {
      for (const timer of timers.values()) clearTimeout(timer);
      await watcher.close();
    },
  };

  /** Below a hidden folder or `node_modules` of an extension. */
  function isHidden(file: string): boolean {
    const root = roots.find((candidate) => isInside(candidate, file));
    return root !== undefined && path.relative(root, file).split(path.sep).some(isIgnored);
  }
}

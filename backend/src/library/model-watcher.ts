import path from 'node:path';
import { watch } from 'chokidar';
import { isModelFile, type ModelFolders } from './model-folders.js';

/** Files are copied in pieces; they are looked at when none has come for so long. */
const QUIET_MS = 1000;

/** What lies beside models and says something of them. */
const BESIDE = new Set(['.json', '.yaml', '.png', '.jpg', '.jpeg', '.webp']);

/**
 * Tells when something has changed in the folders of models, once it is quiet there, and once when watching has begun. Folders on network
 * drives tell nothing; people look there again by hand.
 *
 * @param onError the system watches no more, for one because it watches too much already.
 */
export function watchModels(folders: ModelFolders, onChange: () => void, onError: (error: unknown) => void): AsyncDisposable {
  let timer: NodeJS.Timeout | undefined;
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(onChange, QUIET_MS);
  };
  const roots = new Set(Object.values(folders).flat());
  const watcher = watch([...roots], {
    ignoreInitial: true,
    ignored: (file, stats) =>
      !roots.has(file) && (path.basename(file).startsWith('.') || (stats?.isFile() === true && !isOfInterest(file))),
  });
  watcher.on('all', changed);
  watcher.on('ready', changed); // for what came while the folders were being walked through
  watcher.on('error', onError);
  return {
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}

function isOfInterest(file: string): boolean {
  return isModelFile(file) || BESIDE.has(path.extname(file).toLowerCase());
}

import { stat } from 'node:fs/promises';
import type { StoredTensors } from '@atelier/sdk';
import { componentsOf, type Components } from './components.js';
import { readDiffusersFolder } from './diffusers-folder.js';
import { readCheckpoint } from './safetensors-header.js';

/** A file of weights, or a folder of such files that are one model, taken apart. */
export interface ModelFile {
  /** Absolute, with links resolved. */
  file: string;
  components: Components;
  /** Everything in it, under the file's own names; in a folder, behind the name of the part's folder. */
  tensors: StoredTensors;
  metadata: ReadonlyMap<string, string>;
  /** Where there was a choice between files: which were taken, in sentences. */
  notes?: readonly string[];
}

/**
 * Reads what a model file or a folder of diffusers holds, without its weights.
 *
 * @throws CheckpointUnreadable | CheckpointIncomplete | CheckpointIsPickle | ContainerNotBuilt | CheckpointNotOpened
 */
export async function readModelFile(file: string): Promise<ModelFile> {
  const isFolder = await stat(file).then(
    (status) => status.isDirectory(),
    () => false, // whoever opens it says what is wrong
  );
  if (isFolder) return await readDiffusersFolder(file);
  const checkpoint = await readCheckpoint(file);
  return { ...checkpoint, components: componentsOf(checkpoint) };
}

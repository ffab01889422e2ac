import type { StoredTensors } from '@atelier/sdk';
import { componentsOf, type Components } from './components.js';
import { readCheckpoint } from './safetensors-header.js';

/** A file of weights, taken apart. */
export interface ModelFile {
  /** Absolute, with links resolved. */
  file: string;
  components: Components;
  /** Everything in it, under the file's own names. */
  tensors: StoredTensors;
  metadata: ReadonlyMap<string, string>;
}

/**
 * Reads what a model file holds, without its weights.
 *
 * @throws CheckpointUnreadable | CheckpointIsPickle | ContainerNotBuilt | CheckpointNotOpened
 */
export async function readModelFile(file: string): Promise<ModelFile> {
  const checkpoint = await readCheckpoint(file);
  return { ...checkpoint, components: componentsOf(checkpoint) };
}

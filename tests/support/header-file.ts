import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { StoredTensor } from '@atelier/sdk';
import { componentsOf } from '../../backend/src/checkpoints/components.js';
import type { ModelFile } from '../../backend/src/checkpoints/model-file.js';
import { goldenPath } from './goldens.js';

/** A file of a real model's names and shapes, and the few values that detection reads of it. */
export function headerFile(header: string): { file: ModelFile; values: Record<string, number[]> } {
  const { tensors, values = {} } = JSON.parse(gunzipSync(readFileSync(goldenPath(`models/detection/${header}`))).toString()) as {
    tensors: Record<string, [StoredTensor['type'], number[]]>;
    values?: Record<string, number[]>;
  };
  const stored = Object.entries(tensors).map(
    ([name, [type, shape]]) => [name, { name, file: header, type, shape, offset: 0, length: 0 }] as const,
  );
  const checkpoint = { file: header, tensors: new Map(stored), metadata: new Map<string, string>() };
  return { file: { ...checkpoint, components: componentsOf(checkpoint) }, values };
}

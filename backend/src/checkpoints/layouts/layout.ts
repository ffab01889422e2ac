import type { StoredTensor, StoredTensors } from '@atelier/sdk';

/** A way in which some program names a network's tensors, and how they are called by us. */
export interface Layout {
  matches(tensors: StoredTensors): boolean;
  rename(tensors: StoredTensors): StoredTensors;
}

/** Rows `from` to `to` (exclusive) of a tensor, in place. */
export function rowsOf(stored: StoredTensor, from: number, to: number): StoredTensor {
  const [rows, ...rest] = stored.shape;
  const rowBytes = stored.length / rows;
  return { ...stored, shape: [to - from, ...rest], offset: stored.offset + from * rowBytes, length: (to - from) * rowBytes };
}

/** Tensors one below the other, as one. */
export function stacked(name: string, parts: readonly StoredTensor[]): StoredTensor {
  const [first] = parts;
  const rows = parts.reduce((sum, { shape }) => sum + shape[0], 0);
  return { ...first, name, shape: [rows, ...first.shape.slice(1)], parts };
}

import type { StoredTensor, StoredTensors } from '@atelier/sdk';

/** A way in which some program names a network's tensors, and how they are called by us. */
export interface Layout {
  matches(tensors: StoredTensors): boolean;
  rename(tensors: StoredTensors): StoredTensors;
}

/** Names that begin with one of `stems` get the stem's other form; the first that fits counts. All others stay. */
export function renamedByStems(tensors: StoredTensors, stems: readonly (readonly [theirs: string, ours: string])[]): StoredTensors {
  return new Map(
    [...tensors].map(([name, stored]) => {
      const stem = stems.find(([theirs]) => name.startsWith(theirs));
      return [stem ? stem[1] + name.slice(stem[0].length) : name, stored];
    }),
  );
}

/** Rows `from` to `to` (exclusive) of a tensor, in place. */
export function rowsOf(stored: StoredTensor, from: number, to: number): StoredTensor {
  if (stored.parts) return stacked(stored.name, rowPieces(stored, from, to));
  const [rows, ...rest] = stored.shape;
  const rowBytes = stored.length / rows;
  return { ...stored, shape: [to - from, ...rest], offset: stored.offset + from * rowBytes, length: (to - from) * rowBytes };
}

/** The same, one by one from each place where some of them lie. */
export function rowPieces(stored: StoredTensor, from: number, to: number): StoredTensor[] {
  const pieces: StoredTensor[] = [];
  let begin = 0;
  for (const part of stored.parts ?? [stored]) {
    const end = begin + part.shape[0];
    const [first, last] = [Math.max(from, begin), Math.min(to, end)];
    if (first < last) pieces.push(rowsOf(part, first - begin, last - begin));
    begin = end;
  }
  return pieces;
}

/** Tensors one below the other, as one. */
export function stacked(name: string, tensors: readonly StoredTensor[]): StoredTensor {
  const parts = tensors.flatMap((each) => each.parts ?? [each]);
  const [first] = parts;
  const rows = parts.reduce((sum, { shape }) => sum + shape[0], 0);
  return { ...first, name, shape: [rows, ...first.shape.slice(1)], parts };
}

import { fail, type TextEncoderKind } from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { embeddingRows } from './embedding-files.js';
import type { TokenRow } from './encoded-texts.js';

export function hasEmbeddings({ embeddings = [] }: TokenRow): boolean {
  return embeddings.length > 0;
}

/**
 * What a text encoder's graph is given for rows of one length; where one of them has embeddings, what `clipGraph` takes for those too.
 *
 * @param width of the encoder, which CLIP has.
 */
export async function textEncoderInputs(
  rows: readonly TokenRow[],
  kind: TextEncoderKind,
  width: number | undefined,
): Promise<Record<string, DeviceTensor>> {
  const shape = [rows.length, rows[0].ids.length];
  const tokens: DeviceTensor = { type: 'int32', shape, data: Int32Array.from(rows.flatMap(({ ids }) => [...ids])) };
  if (!rows.some(hasEmbeddings)) return { tokens };
  return { tokens, ...(await embedded(rows, kind, width ?? fail(new TypeError(`${kind} reads no embeddings.`)))) };
}

async function embedded(
  rows: readonly TokenRow[],
  kind: TextEncoderKind,
  width: number,
): Promise<Record<'kept' | 'embedded', DeviceTensor>> {
  const tokens = rows[0].ids.length;
  const kept = new Float32Array(rows.length * tokens).fill(1);
  const values = new Float32Array(rows.length * tokens * width);
  for (const [row, { embeddings = [] }] of rows.entries()) {
    for (const { at, embedding } of embeddings) {
      const from = row * tokens + at;
      kept.fill(0, from, from + embedding.vectors);
      values.set((await embeddingRows(embedding, kind)).data, from * width);
    }
  }
  return {
    kept: { type: 'float32', shape: [rows.length, tokens, 1], data: kept },
    embedded: { type: 'float32', shape: [rows.length, tokens, width], data: values },
  };
}

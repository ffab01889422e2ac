import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, reportOf, type Tensor, type TextEncoderKind } from '@atelier/sdk';
import type { EmbeddingEntry } from '@atelier/sdk/contracts';
import { readEmbedding } from '../checkpoints/embeddings/embedding.js';
import { stateOf } from './file-state.js';
import { firstUsable, modelFiles, type ModelFolders } from './model-folders.js';

/** An embedding's file is another one than when it was listed. */
export class EmbeddingChanged extends AppError {
  readonly code = 'embedding-changed';
  override readonly kind = 'conflict';
  constructor(name: string) {
    super(`The file of the embedding "${name}" was changed while a prompt was being read.`, 'Ask for the picture again.');
  }
}

/** The embeddings in the models folders. Files are read once, and again when they have changed. */
export class EmbeddingFiles {
  private readonly known = new Map<string, { state: string; entry: EmbeddingEntry }>();

  /** Of several files with one name, the first that can be used. As in A1111, folders are no part of a name. */
  async look(folders: ModelFolders): Promise<EmbeddingEntry[]> {
    const entries: EmbeddingEntry[] = [];
    for (const { file } of await modelFiles(folders, 'embeddings')) {
      const state = JSON.stringify(await stateOf(file));
      const before = this.known.get(file);
      const entry = before?.state === state ? before.entry : await entryOf(file);
      this.known.set(file, { state, entry });
      entries.push(entry);
    }
    return firstUsable(entries).toSorted((a, b) => a.name.localeCompare(b.name));
  }
}

/** Whether the text encoders of a model, by their widths, can read an embedding: one alone takes one tensor, a model with CLIP-G a pair. */
export function fitsEncoders({ widths }: EmbeddingEntry, encoders: ReadonlyMap<TextEncoderKind, number>): boolean {
  if (widths.length === 1) return encoders.size === 1 && [...encoders.values()].includes(widths[0]);
  const pair = new Map<TextEncoderKind, number>([
    ['clip-l', widths[0]],
    ['clip-g', widths[1]],
  ]);
  return encoders.has('clip-g') && [...encoders].every(([kind, width]) => pair.get(kind) === width);
}

/**
 * What a text encoder reads in place of its own words: [vectors, width].
 *
 * @throws EmbeddingChanged, or the file's own problem.
 */
export async function embeddingRows({ name, file, vectors, widths }: EmbeddingEntry, kind: TextEncoderKind): Promise<Tensor> {
  const { rows } = await readEmbedding(file);
  const found = 'only' in rows ? [rows.only] : [rows.clipL, rows.clipG];
  if (found.some(({ shape }, i) => shape[0] !== vectors || shape[1] !== widths[i])) throw new EmbeddingChanged(name);
  return found[kind === 'clip-g' ? found.length - 1 : 0];
}

async function entryOf(file: string): Promise<EmbeddingEntry> {
  const { name } = path.parse(file);
  try {
    const { vectors, rows, training } = await readEmbedding(file);
    const widths = ('only' in rows ? [rows.only] : [rows.clipL, rows.clipG]).map(({ shape }) => shape[1]);
    const sha256 = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    return { name, file, vectors, widths, sha256, training, problem: null };
  } catch (error) {
    // shown beside the file wherever embeddings are listed
    return { name, file, vectors: 0, widths: [], sha256: null, training: null, problem: reportOf(error) };
  }
}

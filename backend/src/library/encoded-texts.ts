import { concat, fail, rows, type EncodedText, type Tensor } from '@atelier/sdk';
import type { EmbeddingEntry } from '@atelier/sdk/contracts';

/** One row for a text encoder. */
export interface TokenRow {
  ids: Int32Array;
  /** What stands for tokens, each from place `at` of the row on. */
  embeddings?: readonly { at: number; embedding: EmbeddingEntry }[];
}

/** What is kept: some hundred prompts of CLIP, a few of T5. */
const MOST_BYTES = 64 * 2 ** 20;

/** Rows of tokens as text encoders have read them. Those that were used latest are kept, also from one job to the next. */
export class EncodedTexts {
  /** In order of use, the latest last; each is one row, [1, tokens, width]. */
  private readonly known = new Map<string, EncodedText>();
  private bytes = 0;

  constructor(private readonly mostBytes = MOST_BYTES) {}

  /**
   * The rows as an encoder reads them. Only those that are not known are encoded, equal ones once.
   *
   * @param reading tells the encoder, the state of its file and how it is read from all others.
   */
  async of(
    reading: string,
    tokens: readonly TokenRow[],
    encode: (tokens: readonly TokenRow[]) => Promise<EncodedText>,
  ): Promise<EncodedText> {
    const keys = tokens.map((row) => `${reading} ${contentOf(row)}`);
    const found = new Map(keys.map((key) => [key, this.known.get(key)]));
    const missing = [...found].flatMap(([key, row]) => (row ? [] : [key]));
    if (missing.length > 0) {
      const encoded = await encode(missing.map((key) => tokens[keys.indexOf(key)]));
      for (const [i, key] of missing.entries()) found.set(key, rowOf(encoded, i));
    }
    for (const [key, row] of found) this.keep(key, row!);
    return joined(keys.map((key) => found.get(key) ?? fail(new TypeError('A row of tokens was not encoded.'))));
  }

  private keep(key: string, row: EncodedText): void {
    if (this.known.delete(key)) this.bytes -= bytesIn(row);
    this.known.set(key, row);
    this.bytes += bytesIn(row);
    for (const [oldest, each] of this.known) {
      if (this.bytes <= this.mostBytes) break;
      this.known.delete(oldest);
      this.bytes -= bytesIn(each);
    }
  }
}

function contentOf({ ids, embeddings = [] }: TokenRow): string {
  return [ids.join(), ...embeddings.map(({ at, embedding }) => `${at} ${embedding.sha256}`)].join(' ');
}

/** One row in memory of its own, so that it holds no other row's. */
function rowOf({ hidden, pooled }: EncodedText, row: number): EncodedText {
  const alone = (tensor: Tensor): Tensor => {
    const { shape, data } = rows(tensor, row, row + 1);
    return { shape, data: data.slice() };
  };
  return pooled ? { hidden: alone(hidden), pooled: alone(pooled) } : { hidden: alone(hidden) };
}

function joined(encoded: readonly EncodedText[]): EncodedText {
  const hidden = concat(encoded.map((row) => row.hidden));
  const pooled = encoded.flatMap((row) => row.pooled ?? []);
  return pooled.length > 0 ? { hidden, pooled: concat(pooled) } : { hidden };
}

function bytesIn({ hidden, pooled }: EncodedText): number {
  return hidden.data.byteLength + (pooled?.data.byteLength ?? 0);
}

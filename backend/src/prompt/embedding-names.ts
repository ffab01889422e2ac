import type { ClipTokenizer } from './clip-tokenizer.js';

/** A word of a prompt that stands for several tokens, which are not of the vocabulary. */
export interface NamedEmbedding {
  name: string;
  /** How many tokens it stands for. */
  vectors: number;
}

/**
 * Names of embeddings, found where the tokens of a text are the tokens of a name: so upper case and spaces are what the tokenizer makes of them, and
 * a name within a longer word is none.
 */
export class EmbeddingNames<Embedding extends NamedEmbedding = NamedEmbedding> {
  /** By the first token of the name; longer names first. */
  private readonly byFirstToken = new Map<number, { ids: readonly number[]; embedding: Embedding }[]>();

  constructor(embeddings: readonly Embedding[], tokenizer: Pick<ClipTokenizer, 'encode'>) {
    for (const embedding of embeddings) {
      const ids = tokenizer.encode(embedding.name);
      if (ids.length === 0) continue; // a name without a letter that CLIP knows
      this.byFirstToken.set(ids[0], [...(this.byFirstToken.get(ids[0]) ?? []), { ids, embedding }]);
    }
    for (const names of this.byFirstToken.values()) names.sort((a, b) => b.ids.length - a.ids.length);
  }

  /** The embedding whose name begins at a place, and how many tokens its name has there. */
  at(tokens: readonly number[], place: number): { embedding: Embedding; length: number } | undefined {
    const names = this.byFirstToken.get(tokens[place]);
    const found = names?.find(({ ids }) => ids.every((id, i) => tokens[place + i] === id));
    return found && { embedding: found.embedding, length: found.ids.length };
  }
}

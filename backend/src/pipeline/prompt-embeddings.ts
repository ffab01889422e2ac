import { AppError, type ErrorReport } from '@atelier/sdk';
import type { EmbeddingEntry } from '@atelier/sdk/contracts';
import type { LoadedModel } from '../library/loaded-model.js';
import { EmbeddingNames, loadClipTokenizer, type ChunkedPrompt } from '../prompt/index.js';

/** A prompt names an embedding that was made for other text encoders than the model's. */
class EmbeddingSkipped extends AppError {
  readonly code = 'embedding-skipped';
  constructor({ name, widths }: EmbeddingEntry, model: string) {
    super(
      `The embedding "${name}" was made for another sort of model (width ${widths.join(' + ')}) than "${model}". Its name was read as words.`,
      'Choose a model of that sort, or an embedding that was made for this one.',
    );
  }
}

/** The embeddings of a model as the prompts of a batch name them: which were used, and which could not be. */
export class PromptEmbeddings {
  private readonly usedByName = new Map<string, EmbeddingEntry>();
  private readonly skippedByName = new Map<string, EmbeddingEntry>();

  private constructor(
    readonly names: EmbeddingNames<EmbeddingEntry>,
    private readonly others: EmbeddingNames<EmbeddingEntry>,
    private readonly model: string,
  ) {}

  static async of(model: LoadedModel): Promise<PromptEmbeddings> {
    const tokenizer = await loadClipTokenizer();
    const { fitting, others } = model.embeddings();
    return new PromptEmbeddings(new EmbeddingNames(fitting, tokenizer), new EmbeddingNames(others, tokenizer), model.checkpoint);
  }

  /** Takes down what a text names. `tokens` are those of the whole text. */
  note({ chunks }: ChunkedPrompt<EmbeddingEntry>, tokens: readonly number[]): void {
    for (const { embedding } of chunks.flatMap(({ embeddings }) => embeddings)) this.usedByName.set(embedding.name, embedding);
    for (let place = 0; place < tokens.length;) {
      const name = this.names.at(tokens, place);
      const other = name ? undefined : this.others.at(tokens, place)?.embedding;
      if (other) this.skippedByName.set(other.name, other);
      place += name?.length ?? 1;
    }
  }

  /** In the order in which they were first named. */
  get used(): readonly EmbeddingEntry[] {
    return [...this.usedByName.values()];
  }

  /** Why names were read as words. */
  warnings(): ErrorReport[] {
    return [...this.skippedByName.values()].map((entry) => entry.problem ?? new EmbeddingSkipped(entry, this.model).toReport());
  }
}

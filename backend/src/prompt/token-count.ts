import { promptChunks, tokenLimit } from './chunks.js';
import type { ClipTokenizer } from './clip-tokenizer.js';
import type { EmbeddingNames } from './embedding-names.js';
import { extractTags } from './prompt-tags.js';

/** What the counter under a prompt shows, "11/75": its tokens without tags, and how many its chunks hold. */
export function countTokens(
  prompt: string,
  tokenizer: Pick<ClipTokenizer, 'encode'>,
  embeddings?: EmbeddingNames,
): { count: number; limit: number } {
  const { tokenCount } = promptChunks(extractTags(prompt).prompt, tokenizer, { embeddings });
  return { count: tokenCount, limit: tokenLimit(tokenCount) };
}

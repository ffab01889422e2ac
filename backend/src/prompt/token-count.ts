import { promptChunks, tokenLimit } from './chunks.js';
import type { ClipTokenizer } from './clip-tokenizer.js';
import { extractTags } from './prompt-tags.js';

/** What the counter under a prompt shows, "11/75": its tokens without tags, and how many its chunks hold. */
export function countTokens(prompt: string, tokenizer: Pick<ClipTokenizer, 'encode'>): { count: number; limit: number } {
  const { tokenCount } = promptChunks(extractTags(prompt).prompt, tokenizer);
  return { count: tokenCount, limit: tokenLimit(tokenCount) };
}

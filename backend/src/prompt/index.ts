export { applyEmphasis } from './apply-emphasis.js';
export {
  CHUNK_TOKENS,
  type ChunkedPrompt,
  type ChunkOptions,
  emptyChunk,
  fillAfterEnd,
  padToLongest,
  type PromptChunk,
  promptChunks,
  tokenLimit,
} from './chunks.js';
export { ClipTokenizer, loadClipTokenizer } from './clip-tokenizer.js';
export { EmphasisNotANumber, type EmphasisMode, emphasisModes, isBreak, parseEmphasis, type WeightedText } from './emphasis.js';
export { extractTags, type PromptTag } from './prompt-tags.js';
export { countTokens } from './token-count.js';

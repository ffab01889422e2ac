export { applyEmphasis } from './apply-emphasis.js';
export { fillAfterEnd, padToLongest, promptChunks } from './chunks.js';
export { loadClipTokenizer } from './clip-tokenizer.js';
export { extractTags, type PromptTag } from './prompt-tags.js';
export { countTokens } from './token-count.js';

export { applyEmphasis } from './apply-emphasis.js';
export { fillAfterEnd, padToLongest, promptChunks } from './chunks.js';
export { loadClipTokenizer } from './clip-tokenizer.js';
export { withoutComments } from './comments.js';
export { composePrompt } from './compose.js';
export { extractTags, type PromptTag } from './prompt-tags.js';
export { scheduleOf, type ScheduledText } from './schedule.js';
export { fillT5Texts, loadT5Tokenizer, t5Text } from './t5-tokenizer.js';
export { countTokens } from './token-count.js';

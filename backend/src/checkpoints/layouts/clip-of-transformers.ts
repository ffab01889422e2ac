import type { Layout } from './layout.js';

const LEVEL = 'text_model.';

/** CLIP as transformers stores it: everything but the projection is one level down. Some SD1 files lack that level and are ours already. */
export const clipOfTransformers: Layout = {
  matches: (tensors) => [...tensors.keys()].some((name) => name.startsWith(LEVEL)),
  rename: (tensors) => new Map([...tensors].map(([name, stored]) => [name.startsWith(LEVEL) ? name.slice(LEVEL.length) : name, stored])),
};

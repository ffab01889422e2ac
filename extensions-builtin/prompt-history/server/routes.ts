import { defineRoute, z } from '@atelier/sdk';
import { entriesIn, Entry, forgetAll } from './history.js';

export const routes = {
  /** The latest prompts that contain a text, the latest first. */
  recent: defineRoute({
    input: z.object({ limit: z.int().min(1).max(500).default(50), search: z.string().max(200).default('') }),
    output: z.array(Entry),
    async handle({ limit, search }, { dataFolder }) {
      const wanted = search.toLowerCase();
      const entries = await entriesIn(dataFolder);
      return entries.filter(({ prompt }) => prompt.toLowerCase().includes(wanted)).slice(0, limit);
    },
  }),

  /** Forgets every prompt. */
  clear: defineRoute({
    input: z.object({}),
    output: z.object({}),
    async handle(_, { dataFolder }) {
      await forgetAll(dataFolder);
      return {};
    },
  }),
};

import { defineExtension } from '@atelier/sdk';
import { latestIn, openHistory, remember } from './history.js';
import { routes } from './routes.js';

export default defineExtension({
  routes,
  async activate({ hooks, dataFolder, log }) {
    const unreadable = await openHistory(dataFolder);
    if (unreadable > 0) log.warn(`${unreadable} lines of the history could not be read and were left out.`);

    hooks.transformPrompt.tap(
      async (prompt) => {
        const { positive, negative } = prompt;
        const latest = await latestIn(dataFolder);
        const isNew = positive !== '' && (positive !== latest?.prompt || negative !== latest.negativePrompt); // a batch is one entry
        if (isNew) await remember(dataFolder, { prompt: positive, negativePrompt: negative, usedAt: new Date().toISOString() });
        return prompt;
      },
      { stage: 'late', after: ['prompt-wildcards'] },
    );
  },
});

// `npm start`: builds what is stale, then becomes the server (or `generate`, or `doctor`) in this very process.
// Only the version check is imported at once: the rest may use what an old Node cannot parse.
import './node-version.mjs';

import('./build.mjs')
  .then(({ buildWhatIsStale }) => buildWhatIsStale(['generate', 'doctor'].includes(process.argv[2]) ? ['server'] : ['server', 'page']))
  .then(
    () => import('../backend/dist/main.js'),
    (error) => {
      console.error(error.message);
      process.exitCode = 1;
    },
  );

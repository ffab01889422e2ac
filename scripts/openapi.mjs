// `npm run openapi`: writes codex/openapi.json, the description of /api, from the contracts in sdk/src/contracts.
import './node-version.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { buildWhatIsStale, root } from './build.mjs';

await buildWhatIsStale(['server']);
const { describeOwnApi } = await import('../backend/dist/app.module.js');
fs.writeFileSync(path.join(root, 'codex/openapi.json'), `${JSON.stringify(await describeOwnApi(), null, 2)}\n`);

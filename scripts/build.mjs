import './node-version.mjs';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** What is built from what. A stamp carries the time at which the build that it closes began. */
const parts = [
  {
    name: 'server',
    sources: ['sdk/src', 'sdk/tsconfig.json', 'backend/src', 'backend/tsconfig.json', 'tsconfig.base.json', 'package-lock.json'],
    stamp: 'backend/dist/.built',
    folder: '.',
    command: ['node_modules/typescript/bin/tsc', '-b', 'sdk', 'backend'],
  },
  {
    name: 'page',
    sources: [
      'sdk/src',
      'frontend/src',
      'frontend/public',
      'frontend/index.html',
      'frontend/vite.config.ts',
      'frontend/import-map-plugin.ts',
      'localization',
      'package-lock.json',
    ],
    stamp: 'frontend/dist/.built',
    folder: 'frontend',
    command: ['../node_modules/vite/bin/vite.js', 'build', '--logLevel', 'error'],
  },
];

/** Builds the server and the page, side by side, where a source is newer than the last build. Rejects when one does not build. */
export async function buildWhatIsStale(names = ['server', 'page']) {
  const stale = parts.filter((part) => names.includes(part.name) && isStale(part));
  if (stale.length > 0) console.error(`Building the ${stale.map((part) => part.name).join(' and the ')} …`);
  const outcomes = await Promise.allSettled(stale.map(build));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}

function isStale({ sources, stamp }) {
  const builtAt = fs.statSync(path.join(root, stamp), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return sources.some((source) => newestChange(path.join(root, source)) > builtAt);
}

/** When a file or anything below a folder last changed; folders count, because a removed file changes only them. */
function newestChange(place) {
  const facts = fs.statSync(place, { throwIfNoEntry: false });
  if (!facts) return 0;
  if (!facts.isDirectory()) return facts.mtimeMs;
  return fs.readdirSync(place).reduce((newest, name) => Math.max(newest, newestChange(path.join(place, name))), facts.mtimeMs);
}

async function build({ name, stamp, folder, command }) {
  const beganAt = new Date();
  const exitCode = await run(command, { cwd: path.join(root, folder), stdio: 'inherit' });
  if (exitCode !== 0) throw new BuildFailed(name);
  const file = path.join(root, stamp);
  fs.writeFileSync(file, '');
  fs.utimesSync(file, beganAt, beganAt);
}

class BuildFailed extends Error {
  constructor(name) {
    super(`The ${name} did not build; the messages above say why.`);
  }
}

/** Runs a script with this Node; resolves with its exit code, which is 1 when a signal ended it. */
export function run([script, ...args], options) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], options);
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildWhatIsStale().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

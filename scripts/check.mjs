// `npm run check`: types, lint, format, layers, dead code and the lockfile. One line for each; the output of a check only when it fails.
import './node-version.mjs';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { root } from './build.mjs';

const bin = (name) => `node_modules/${name}`;

/** Longest first, so that two lanes end at about the same time. */
const checks = [
  { name: 'lint', command: [bin('eslint/bin/eslint.js'), '.', '--max-warnings', '0'] },
  { name: 'types of the page', command: [bin('vue-tsc/bin/vue-tsc.js'), '--noEmit', '-p', 'frontend'] },
  { name: 'types of the server', command: [bin('typescript/bin/tsc'), '-b', 'sdk', 'backend'] },
  { name: 'types of the extensions', command: [bin('vue-tsc/bin/vue-tsc.js'), '--noEmit', '-p', 'extensions-builtin'] },
  { name: 'types of the examples', command: [bin('vue-tsc/bin/vue-tsc.js'), '--noEmit', '-p', 'sdk/examples'] },
  { name: 'types of the tests', command: [bin('vue-tsc/bin/vue-tsc.js'), '--noEmit', '-p', 'tests'] },
  { name: 'format', command: [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'] },
  { name: 'dead code', command: [bin('knip/bin/knip.js')] },
  { name: 'layers', command: [bin('vitest/vitest.mjs'), 'run', '--project', 'architecture', 'tests/architecture/layers.test.ts'] },
  { name: 'lockfile', check: lockfileProblems },
];

const LANES = 2;

/** Runs every check; resolves with how many passed and failed. */
export async function check() {
  const waiting = [...checks];
  const counts = { passed: 0, failed: 0 };
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const beganAt = performance.now();
      const problems = next.check ? next.check() : await outputWhenFailing(next.command);
      const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
      console.log(`${problems === null ? '✓' : '✗'} ${next.name} (${seconds} s)`);
      if (problems === null) counts.passed++;
      else {
        counts.failed++;
        console.log(problems.trimEnd());
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return counts;
}

/** What a command printed, or null when it ended well. */
function outputWhenFailing([script, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (bytes) => output.push(bytes));
    child.stderr.on('data', (bytes) => output.push(bytes));
    child.once('error', reject);
    child.once('close', (code) => resolve(code === 0 ? null : Buffer.concat(output).toString('utf8')));
  });
}

/** A lockfile must name every system's optional packages, no download address and no install script that `allowScripts` leaves open. */
function lockfileProblems() {
  const { packages } = JSON.parse(fs.readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
  const { allowScripts } = JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const nameOf = (place) => place.split('node_modules/').pop();
  const locked = new Set(Object.keys(packages).map(nameOf));
  const problems = [];
  for (const [place, facts] of Object.entries(packages)) {
    for (const optional of Object.keys(facts.optionalDependencies ?? {})) {
      if (!locked.has(optional)) problems.push(`${place}@${facts.version} lacks ${optional}: take a slightly older version of it.`);
    }
    if (!facts.link && facts.resolved) problems.push(`${place} carries a download address: run npm install with the project's .npmrc.`);
    if (facts.hasInstallScript && allowScripts[nameOf(place)] !== false)
      problems.push(`${place} has an install script: set it to false in allowScripts.`);
  }
  return problems.length > 0 ? problems.join('\n') : null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { failed } = await check();
  process.exitCode = failed > 0 ? 1 : 0;
}

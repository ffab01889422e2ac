// `npm test`: builds, checks, runs every test, and closes with how many passed. `--goldens` runs the known answers alone, `--full-size` those with
// files of full size, which are in no other run.
import './node-version.mjs';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildWhatIsStale, root, run } from './build.mjs';
import { check } from './check.mjs';

/** What is given to vitest when not everything is to run. */
const selections = { '--goldens': ['--project', 'goldens'], '--full-size': ['--config', 'tests/full-size/vitest.config.ts'] };
const selection = Object.keys(selections).find((flag) => process.argv.includes(flag));
const report = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'atelier-test-')), 'report.json');

const total = { passed: 0, failed: 0, skipped: 0 };
if (selection !== '--goldens') {
  await buildWhatIsStale().catch((error) => {
    console.error(error.message);
    total.failed++; // the tests below say what else is broken
  });
}
if (!selection) {
  const checks = await check();
  total.failed += checks.failed;
}

const exitCode = await run(
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...(selections[selection] ?? []),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ],
  { cwd: root, stdio: 'inherit' },
);

const tests = countTests(report);
if (exitCode !== 0 && tests.failed === 0) tests.failed = 1; // an error outside of any test
fs.rmSync(path.dirname(report), { recursive: true });

total.passed += tests.passed;
total.failed += tests.failed;
total.skipped += tests.skipped;
process.exitCode = total.failed > 0 ? 1 : 0;
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);

/** Counts from vitest's report. A file that could not be loaded has no tests to count and is one failure. */
function countTests(file) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (!fs.existsSync(file)) return counts;
  for (const { status, assertionResults } of JSON.parse(fs.readFileSync(file, 'utf8')).testResults) {
    const failedBefore = counts.failed;
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed++;
      else if (test.status === 'failed') counts.failed++;
      else counts.skipped++;
    }
    if (status === 'failed' && counts.failed === failedBefore) counts.failed++;
  }
  return counts;
}

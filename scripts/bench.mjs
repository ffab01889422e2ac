// `npm run bench -- <name> [flags]`: measures something and prints it beside what is to be reached. A bench is a module in
// scripts/bench/ that exports `describe` (a sentence), `options` (flags, for parseArgs) and `run(flags)`, which yields the sections of
// one table.
import './node-version.mjs';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { buildWhatIsStale, root } from './build.mjs';
import { printTable } from './measure/table.mjs';

const folder = path.join(root, 'scripts/bench');
const benches = new Map();
for (const file of fs.readdirSync(folder).filter((entry) => entry.endsWith('.mjs')))
  benches.set(path.basename(file, '.mjs'), await import(pathToFileURL(path.join(folder, file))));

const [name, ...rest] = process.argv.slice(2);
const bench = benches.get(name);
if (!bench) {
  console.error('Usage: npm run bench -- <name> [flags]');
  for (const [each, { describe, options }] of benches) {
    const flags = Object.entries(options).map(([flag, { default: value }]) => `[--${flag}${value === undefined ? '' : ` ${value}`}]`);
    console.error(`  ${each.padEnd(8)} ${describe} ${flags.join(' ')}`);
  }
  process.exit(1);
}

await buildWhatIsStale();
const flags = parseArgs({ args: rest, options: bench.options }).values;
console.log(`${name}: ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${os.cpus().length} × ${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(1)}`); // prettier-ignore
await printTable(bench.run(flags));

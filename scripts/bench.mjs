// `npm run bench -- start [--runs 5]`: how long a start takes, and what the processes hold in memory. Each run is a fresh server
// with an empty data folder on a free port, one after another, so that no run disturbs the next.
import './node-version.mjs';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildWhatIsStale, root } from './build.mjs';

const POLL_MS = 5;
const GIVE_UP_MS = 120_000;
const MEBIBYTE = 2 ** 20;
const request = { prompt: 'a lighthouse on the sea at night', seed: 1 };

/** @typedef {Record<string, number>} Measures by name: milliseconds since the process started, or bytes */

const benches = { start: measureStart };

const [name, ...rest] = process.argv.slice(2);
const runs = Number(rest[rest.indexOf('--runs') + 1] ?? NaN) || 5;
if (!Object.hasOwn(benches, name)) {
  console.error(`Usage: npm run bench -- <${Object.keys(benches).join(' | ')}> [--runs 5]`);
  process.exit(1);
}

await buildWhatIsStale();
console.log(`${name}: ${runs} runs on Node ${process.versions.node}, ${os.cpus().length} × ${os.cpus()[0].model}`);
/** @type {Measures[]} */
const measured = [];
for (let run = 0; run < runs; run++) measured.push(await benches[name]());
printTable(measured);

/** One start: the first answer, the engine, the first picture, and the memory afterwards. */
async function measureStart() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'atelier-bench-'));
  const beganAt = performance.now();
  const elapsed = () => performance.now() - beganAt;
  const server = spawn(
    process.execPath,
    ['backend/dist/main.js', 'serve', '--port=0', '--no-browser', `--data-dir=${folder}/data`, `--outputs-dir=${folder}/outputs`],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => server.once('exit', resolve));
  try {
    const address = await printedAddress(server);
    await until(async () => (await fetch(address)).ok);
    const firstAnswer = elapsed();
    const ask = async (place, init) => (await fetch(new URL(place, address), init)).json();
    await until(async () => (await ask('/api/status')).engine.state === 'ready');
    const engineReady = elapsed();
    const { jobId } = await ask('/api/txt2img', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    let job;
    await until(async () => {
      job = await ask(`/api/jobs/${jobId}`);
      return job.phase !== 'queued' && job.phase !== 'running';
    });
    const firstPicture = elapsed();
    if (job.phase !== 'done') throw new Error(`The picture was not made: ${JSON.stringify(job.error ?? job.phase)}`);
    return {
      'first HTTP answer, ms': firstAnswer,
      'engine ready, ms': engineReady,
      'first picture, ms': firstPicture,
      ...residentMemory(server.pid),
    };
  } finally {
    server.kill('SIGTERM');
    await ended;
    fs.rmSync(folder, { recursive: true });
  }
}

/** The address that the server prints once it listens. */
function printedAddress(server) {
  return new Promise((resolve, reject) => {
    let printed = '';
    server.stdout.on('data', (bytes) => {
      printed += bytes;
      const address = /http:\/\/\S+/.exec(printed)?.[0];
      if (address) resolve(address);
    });
    server.once('exit', (code) => reject(new Error(`The server ended with exit code ${code} before it listened.`)));
  });
}

/** Asks again until the answer is yes. A server that is not there yet counts as no. */
async function until(isSo) {
  const beganAt = performance.now();
  while (!(await isSo().catch((error) => (error.cause?.code === 'ECONNREFUSED' ? false : Promise.reject(error))))) {
    if (performance.now() - beganAt > GIVE_UP_MS) throw new Error(`Nothing happened for ${GIVE_UP_MS / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Resident bytes of the server and of the engine and device below it, from /proc; nothing where there is no /proc. */
function residentMemory(serverPid) {
  if (!fs.existsSync('/proc/self/status')) return {};
  const processes = fs
    .readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
        const fact = (key) => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0);
        return [
          {
            pid: Number(pid),
            parent: fact('PPid'),
            bytes: fact('VmRSS') * 1024,
            command: fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'),
          },
        ];
      } catch {
        return []; // it ended while we looked
      }
    });
  const family = new Set([serverPid]);
  for (const { pid, parent } of processes.sort((a, b) => a.pid - b.pid)) if (family.has(parent)) family.add(pid);
  const measures = {};
  for (const { pid, bytes, command } of processes) {
    const role = command.find((word) => ['serve', 'engine', 'device'].includes(word));
    if (family.has(pid) && role) measures[`memory of ${role === 'serve' ? 'server' : role}, MiB`] = bytes / MEBIBYTE;
  }
  return measures;
}

function printTable(all) {
  const rows = Object.keys(all[0]).map((measure) => {
    const values = all.map((one) => one[measure]).sort((a, b) => a - b);
    return [measure, ...[values[0], values[Math.floor(values.length / 2)], values.at(-1)].map((value) => value.toFixed(0))];
  });
  for (const row of [['', 'min', 'median', 'max'], ...rows]) console.log(row[0].padEnd(28) + row.slice(1).map((cell) => cell.padStart(9)).join('')); // prettier-ignore
}

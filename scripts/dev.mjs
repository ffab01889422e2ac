// `npm run dev`: the compiler watches sdk and backend, the server starts again when their output changes, and Vite serves the
// page at its own address and passes the API on. Arguments after `--` go to the server. Ctrl+C ends all three.
import './node-version.mjs';
import { watch } from 'chokidar';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildWhatIsStale, root } from './build.mjs';

const SETTLE_MS = 300; // the compiler writes many files in one go

const running = new Set();
let server;
let isEnding = false;

// the page passes the API on to where the server listens
const { values } = parseArgs({ options: { port: { type: 'string', default: '7860' } }, strict: false });
const env = { ...process.env, ATELIER_SERVER: `http://127.0.0.1:${values.port}` };

function start(name, folder, command) {
  const child = spawn(process.execPath, command, { cwd: path.join(root, folder), stdio: 'inherit', env });
  running.add(child);
  child.once('exit', (code) => {
    running.delete(child);
    if (name !== 'server' && !isEnding) {
      console.error(`The ${name} ended with exit code ${code}.`);
      end(1);
    }
  });
  return child;
}

function startServer() {
  server = start('server', '.', ['backend/dist/main.js', 'serve', '--no-browser', '--watch-extensions', ...process.argv.slice(2)]);
}

/** Ends the server and starts it again; a server that ended by a fault stays down until the next change. */
async function restartServer() {
  if (isEnding) return;
  if (running.has(server)) {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }
  if (!isEnding) startServer();
}

function end(exitCode) {
  if (isEnding) return;
  isEnding = true;
  process.exitCode = exitCode;
  void watcher.close();
  for (const child of running) child.kill('SIGTERM');
}

await buildWhatIsStale(['server']).catch((error) => {
  console.error(error.message); // the compiler below says it again as soon as it is mended
});

const watcher = watch(['sdk/dist', 'backend/dist'], {
  cwd: root,
  ignoreInitial: true,
  ignored: (file, facts) => facts?.isFile() && !file.endsWith('.js'),
});
let settling;
watcher.on('all', () => {
  clearTimeout(settling);
  settling = setTimeout(() => void restartServer(), SETTLE_MS);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(0));
start('compiler', '.', ['node_modules/typescript/bin/tsc', '-b', '--watch', '--preserveWatchOutput', 'sdk', 'backend']);
start('page', 'frontend', ['../node_modules/vite/bin/vite.js']);
startServer();

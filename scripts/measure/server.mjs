import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { root } from '../build.mjs';

const POLL_MS = 20;
const GIVE_UP_MS = 30 * 60_000;

/** The built server as a process of its own, with an empty data folder. */
export class MeasuredServer {
  #process;
  #folder;
  /** @type {string} */
  address;

  /**
   * @param {{ modelsDirs?: string[], threads?: number, env?: Record<string, string> }} [wishes] the project's models when no folder is named
   * @returns {Promise<MeasuredServer>} when it listens
   */
  static async start({ modelsDirs = [], threads, env = {} } = {}) {
    const server = new MeasuredServer();
    server.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'atelier-bench-'));
    const folders = [`--data-dir=${server.#folder}/data`, `--outputs-dir=${server.#folder}/outputs`];
    const models = modelsDirs.map((folder) => `--models-dir=${folder}`);
    const args = ['--port=0', '--no-browser', ...folders, ...models, ...(threads ? [`--threads=${threads}`] : [])];
    server.#process = spawn(process.execPath, ['backend/dist/main.js', 'serve', ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    server.address = await server.#printedAddress();
    return server;
  }

  get pid() {
    return this.#process.pid;
  }

  /** The JSON answer to a request. */
  async ask(place, body) {
    const init = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const reply = await fetch(new URL(place, this.address), init);
    if (!reply.ok) throw new Error(`${place} answered ${reply.status}: ${await reply.text()}`);
    return await reply.json();
  }

  /** Waits until the engine takes jobs. */
  async ready() {
    await until(async () => (await this.ask('/api/status')).engine.state === 'ready');
  }

  /** Makes a picture, and answers its job once it is done. */
  async makePicture(request) {
    const { jobId } = await this.ask('/api/txt2img', request);
    return await this.finished(jobId);
  }

  async finished(jobId) {
    let job;
    await until(async () => {
      job = await this.ask(`/api/jobs/${jobId}`);
      return job.phase !== 'queued' && job.phase !== 'running';
    });
    if (job.phase !== 'done') throw new Error(`The picture was not made: ${JSON.stringify(job.error ?? job.phase)}`);
    return job;
  }

  async stop() {
    if (this.#process.exitCode === null) {
      this.#process.kill('SIGTERM');
      await once(this.#process, 'exit');
    }
    fs.rmSync(this.#folder, { recursive: true });
  }

  #printedAddress() {
    return new Promise((resolve, reject) => {
      let printed = '';
      this.#process.stdout.on('data', (bytes) => {
        printed += bytes;
        const address = /http:\/\/\S+/.exec(printed)?.[0];
        if (address) resolve(address);
      });
      this.#process.once('exit', (code) => reject(new Error(`The server ended with exit code ${code} before it listened.`)));
    });
  }
}

/** Asks again until the answer is yes. */
export async function until(isSo) {
  const beganAt = performance.now();
  while (!(await isSo())) {
    if (performance.now() - beganAt > GIVE_UP_MS) throw new Error(`Nothing happened for ${GIVE_UP_MS / 60_000} minutes.`);
    await pause(POLL_MS);
  }
}

import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { cpuSecondsOf, memoryOf } from './processes.mjs';

/**
 * A model of ours, or the same graph opened by ONNX Runtime with nothing but its defaults.
 * @typedef {object} ModelWishes
 * @property {'ours' | 'onnxruntime'} engine
 * @property {string} file
 * @property {number} threads
 * @property {number} mostPieces
 * @property {string} arithmetic
 * @property {boolean} prepack
 * @property {string} [cacheDir] where copies of the weights in 8 bits are kept, to compute with those
 *
 * @typedef {{ seconds: number, cpuSeconds: number, longestPiece: number }} Call by the clock; of all threads; the piece that took longest
 *
 * A diffusion model in a process of its own, so that its memory and threads meet no other's.
 * @typedef {object} UnetProcess
 * @property {number} pid
 * @property {number} openingCpuSeconds
 * @property {(shapes: Record<string, number[]>) => Promise<Call>} call with float32 inputs of these shapes
 * @property {() => Promise<void>} stop
 */

/**
 * @param {ModelWishes} wishes
 * @returns {Promise<UnetProcess>}
 */
export async function startUnet(wishes) {
  const { heapFor } = await import('../../backend/dist/inference/shared-heap.js'); // built by now
  const child = fork(path.join(import.meta.dirname, 'unet-program.mjs'), [JSON.stringify(wishes)], {
    env: { ...process.env, ...(wishes.engine === 'ours' && heapFor({ provider: 'cpu', copiesWeights: wishes.prepack })) },
  });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`The measured model's process ended with ${code}.`)));
  ended.catch(() => {}); // told to whoever waits for an answer
  const answer = async () => (await Promise.race([once(child, 'message'), ended]))[0];
  const { openingCpuSeconds } = await answer();
  return {
    pid: child.pid,
    openingCpuSeconds,
    async call(shapes) {
      child.send(shapes);
      return await answer();
    },
    stop: () => ending(child),
  };
}

/**
 * The UNet of Stable Diffusion 1 in PyTorch, eager and channels_last. It takes no notice of any shape but that of `x`.
 *
 * @param {{ python: string, type: 'fp32' | 'bf16', threads: number }} wishes
 * @returns {Promise<UnetProcess>}
 */
export async function startPytorch({ python, type, threads }) {
  const child = spawn(python, [path.join(import.meta.dirname, 'pytorch-unet.py'), type, String(threads)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    pid: child.pid,
    openingCpuSeconds: NaN,
    async call({ x }) {
      const cpuBefore = cpuSecondsOf(child.pid);
      child.stdin.write(`${x.at(-1)}\n`);
      const seconds = Number((await lines.next()).value) / 1000;
      return { seconds, cpuSeconds: cpuSecondsOf(child.pid) - cpuBefore, longestPiece: seconds };
    },
    stop: () => ending(child),
  };
}

/** PyTorch's version in that Python; undefined when it is not there. */
export function pytorchVersion(python) {
  try {
    return execFileSync(python, ['-c', 'import torch; print(torch.__version__)'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return undefined; // no such program, or no such module: both mean that there is nothing to compare with
  }
}

/** The largest own memory of a process while something goes on. */
export async function peakDuring(pid, work) {
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, memoryOf(pid).own)), 20);
  try {
    return { result: await work(), peak };
  } finally {
    clearInterval(timer);
  }
}

async function ending(child) {
  child.kill();
  await once(child, 'exit');
}

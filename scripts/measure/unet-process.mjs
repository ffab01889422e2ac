import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import readline from 'node:readline';
import { memoryOf } from './processes.mjs';

/**
 * A diffusion model in a process of its own, so that its memory and threads meet no other's. Calls are at batch 2, which is one
 * step with classifier-free guidance.
 *
 * @typedef {object} UnetProcess
 * @property {number} pid
 * @property {number} openingCpuSeconds
 * @property {(side: number) => Promise<number>} call with a latent of that side; milliseconds
 * @property {() => Promise<void>} stop
 */

/**
 * A model of ours, or the same graph opened by ONNX Runtime with nothing but its defaults.
 *
 * @param {{ engine: 'ours' | 'onnxruntime', file: string, threads: number, mostPieces: number, deviceOptions?: object }} wishes
 * @returns {Promise<UnetProcess>}
 */
export async function startUnet(wishes) {
  const child = fork(path.join(import.meta.dirname, 'unet-program.mjs'), [JSON.stringify(wishes)]);
  const answer = async () => {
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`The measured model's process ended with ${code}.`)));
    const [message] = await Promise.race([once(child, 'message'), ended]);
    return message;
  };
  const { openingCpuSeconds } = await answer();
  return {
    pid: child.pid,
    openingCpuSeconds,
    async call(side) {
      child.send({ side });
      return (await answer()).ms;
    },
    stop: () => ending(child),
  };
}

/**
 * PyTorch's, eager and channels_last.
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
    async call(side) {
      child.stdin.write(`${side}\n`);
      return Number((await lines.next()).value);
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

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * One call of ONNX Runtime in the device process.
 * @typedef {object} ModelCall
 * @property {number} beganAt milliseconds since 1970
 * @property {number} endedAt
 * @property {number} cpuSeconds what the device process had used when it began
 * @property {string[]} inputs
 * @property {string[]} outputs
 */

/** The calls that a server's device makes, as `record-model-calls.mjs` writes them down inside of it. */
export class ModelCallLog {
  #file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'atelier-calls-')), 'calls.jsonl');

  constructor() {
    fs.writeFileSync(this.#file, '');
  }

  /** What the server's environment must hold. */
  get env() {
    const recorder = pathToFileURL(path.join(import.meta.dirname, 'record-model-calls.mjs'));
    return { NODE_OPTIONS: `--import=${recorder}`, RECORD_MODEL_CALLS: this.#file };
  }

  /** @returns {ModelCall[]} all calls that have ended since a moment */
  since(moment) {
    const lines = fs.readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter(({ beganAt }) => beganAt >= moment);
  }

  remove() {
    fs.rmSync(path.dirname(this.#file), { recursive: true });
  }
}

/** Milliseconds since 1970, as the calls have them. */
export function now() {
  return performance.timeOrigin + performance.now();
}

/** Milliseconds that calls took, together. */
export function sumOf(calls) {
  return calls.reduce((sum, { beganAt, endedAt }) => sum + endedAt - beganAt, 0);
}

/**
 * What the steps of a job cost: from the first call of the diffusion model, whose first piece takes `timesteps` and whose last makes
 * `prediction`, to the next step's. The last step has no next one and is left out. Milliseconds.
 *
 * @param {ModelCall[]} calls all of one job, in their order
 * @returns {{ beganAt: number, endedAt: number, ms: number, model: number, previews: number, ours: number }[]} `model`
 *   is the diffusion model, `previews` other models that run in between, `ours` what is left
 */
export function stepsOf(calls) {
  const starts = calls.flatMap(({ inputs }, index) => (inputs.includes('timesteps') ? [index] : []));
  return starts.slice(0, -1).map((start, step) => {
    const inStep = calls.slice(start, starts[step + 1]);
    const count = inStep.findIndex(({ outputs }) => outputs.includes('prediction')) + 1;
    const [beganAt, endedAt] = [inStep[0].beganAt, calls[starts[step + 1]].beganAt];
    const [model, previews] = [sumOf(inStep.slice(0, count)), sumOf(inStep.slice(count))];
    return { beganAt, endedAt, ms: endedAt - beganAt, model, previews, ours: endedAt - beganAt - model - previews };
  });
}

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { writeFullSize } from '../full-size.mjs';
import { measureBeside } from './engine/beside.mjs';
import { measureInt8, measureLargeUnet, measurePieces, measureUnet } from './engine/calls.mjs';
import { measureOpening } from './engine/opening.mjs';
import { measureStarter } from './engine/starter.mjs';
import { measureSwitching } from './engine/switching.mjs';

/** Each answers a section of the table, and writes the files of full size that it needs. */
const parts = {
  'unet-512': (wishes) => measureUnet('512 px', wishes),
  'unet-256': (wishes) => measureUnet('256 px', wishes),
  int8: measureInt8,
  pieces: measurePieces,
  opening: measureOpening,
  switching: measureSwitching,
  beside: measureBeside,
  starter: measureStarter,
  sdxl: (wishes) => measureLargeUnet('sdxl-base', wishes),
  sd3: (wishes) => measureLargeUnet('sd3-medium', wishes),
};

export const describe = 'speed and memory of the engine at full size, with random weights';
export const options = {
  only: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  steps: { type: 'string', default: '20' },
  threads: { type: 'string', default: String(Math.min(2, os.availableParallelism())) },
  python: { type: 'string', default: 'python3' },
  folder: { type: 'string' },
};

/** Files of full size that are there already in `folder` are taken; without one they are written anew, and deleted. */
export async function* run({ only, rounds, steps, threads, python, folder }) {
  const names = only ? only.split(',') : Object.keys(parts);
  const unknown = names.filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0) throw new Error(`--only takes ${Object.keys(parts).join(', ')}, not ${unknown.join(', ')}.`);

  const modelsDir = folder ?? fs.mkdtempSync(path.join(os.tmpdir(), 'atelier-full-size-'));
  const checkpoint = (name, wishes) => writeFullSize(name, { ...wishes, folder: path.join(modelsDir, 'checkpoints') });
  try {
    for (const name of names) {
      const [roundCount, stepCount, threadCount] = [rounds, steps, threads].map(Number);
      const wishes = { rounds: roundCount, steps: stepCount, threads: threadCount, python, modelsDir, checkpoint };
      yield await parts[name](wishes).catch(failed(name));
    }
  } finally {
    if (!folder) fs.rmSync(modelsDir, { recursive: true });
  }
}

/** A part that fails is a section that says so; the others go on. */
function failed(name) {
  return (error) => {
    console.error(error);
    process.exitCode = 1;
    return { title: name, rows: [{ measure: 'failed', note: error.message.split('\n')[0] }] };
  };
}

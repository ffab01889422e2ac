import { availableParallelism } from 'node:os';
import { defaultFolder } from '../full-size.mjs';
import { measurePictures, measureStarter } from './engine/pictures.mjs';
import { measureSpeed } from './engine/speed.mjs';
import { measureSwitching } from './engine/switching.mjs';

/** Each writes the files of full size that it needs, if they are not there. */
const parts = { speed: measureSpeed, pictures: measurePictures, switching: measureSwitching, starter: measureStarter };

export const describe = 'speed and memory of the engine at full size, with random weights';
export const options = {
  only: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  calls: { type: 'string', default: '2' },
  steps: { type: 'string', default: '20' },
  threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  python: { type: 'string', default: 'python3' },
  folder: { type: 'string', default: defaultFolder },
};

export async function run({ only, rounds, calls, steps, threads, ...rest }) {
  const names = only ? only.split(',') : Object.keys(parts);
  const unknown = names.filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0) throw new Error(`--only takes ${Object.keys(parts).join(', ')}, not ${unknown.join(', ')}.`);
  const wishes = { rounds: Number(rounds), calls: Number(calls), steps: Number(steps), threads: Number(threads), ...rest };
  const tables = [];
  for (const name of names) tables.push(...(await parts[name](wishes)));
  return tables;
}

import { Worker } from 'node:worker_threads';
import { reportOf } from '@atelier/sdk';
import { ToDevice, type FromDevice } from '@atelier/sdk/contracts';
import { OnnxDevice, type Turn } from './onnx-device.js';

type CommandInTurn = Exclude<ToDevice['command'], { type: 'interrupt' }>;

/**
 * The device process: answers the engine's commands one after another until the engine ends; only an interruption comes out of turn.
 *
 * A model call blocks this process's event loop, so nothing else may live here.
 */
export function runDevice(): void {
  let device: OnnxDevice | undefined;

  async function answer(command: CommandInTurn, turn: Turn): Promise<FromDevice['result']> {
    if (command.type === 'start') {
      device = await OnnxDevice.start(command.options);
      return { status: 'facts', facts: device.facts() };
    }
    if (!device) throw new TypeError(`The device was told to "${command.type}" before "start".`);
    return await device.carryOut(command, turn);
  }

  const reply = (message: FromDevice) => process.send?.(message);
  let last = Promise.resolve();
  let interruption = new AbortController();
  process.on('message', (message) => {
    const { id, command } = ToDevice.parse(message);
    if (command.type === 'interrupt') {
      interruption.abort(); // whatever came before, running or waiting
      interruption = new AbortController();
      reply({ id, result: { status: 'done' } });
      return;
    }
    const { signal } = interruption;
    last = last.then(async () => {
      const turn: Turn = { interrupted: signal, tell: (result) => reply({ id, result }) };
      const result = await answer(command, turn).catch((error: unknown) => ({ status: 'failed' as const, error: reportOf(error) }));
      reply({ id, result });
    });
  });
  process.on('disconnect', () => process.exit());
  new Worker(new URL('./parent-watch.js', import.meta.url), { workerData: { parent: process.ppid } }).unref();
}

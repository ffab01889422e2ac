import { Worker } from 'node:worker_threads';
import { reportOf } from '@atelier/sdk';
import { ToDevice, type FromDevice } from '@atelier/sdk/contracts';
import { OnnxDevice } from './onnx-device.js';

/**
 * The device process: answers the engine's commands one after another until the engine ends; only an interruption comes out of turn.
 *
 * A model call blocks this process's event loop, so nothing else may live here.
 */
export function runDevice(): void {
  let device: OnnxDevice | undefined;

  async function answer(command: ToDevice['command']): Promise<FromDevice['result']> {
    if (command.type === 'start') {
      device = await OnnxDevice.start(command.options);
      return { status: 'facts', facts: device.facts() };
    }
    if (!device) throw new TypeError(`The device was told to "${command.type}" before "start".`);
    if (command.type !== 'interrupt') return await device.carryOut(command);
    device.interrupt();
    return { status: 'done' };
  }

  let last = Promise.resolve();
  process.on('message', (message) => {
    const { id, command } = ToDevice.parse(message);
    const carryOut = async (): Promise<void> => {
      const result = await answer(command).catch((error: unknown) => ({ status: 'failed' as const, error: reportOf(error) }));
      process.send?.({ id, result } satisfies FromDevice);
    };
    if (command.type === 'interrupt') void carryOut();
    else last = last.then(carryOut);
  });
  process.on('disconnect', () => process.exit());
  new Worker(new URL('./parent-watch.js', import.meta.url), { workerData: { parent: process.ppid } }).unref();
}

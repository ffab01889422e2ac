import { Worker } from 'node:worker_threads';
import { reportOf } from '@atelier/sdk';
import { ToDevice, type FromDevice } from '@atelier/sdk/contracts';
import { OnnxDevice } from './onnx-device.js';

/**
 * The device process: answers the engine's commands one after another until the engine ends.
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
    return await device.carryOut(command);
  }

  let last = Promise.resolve();
  process.on('message', (message) => {
    const { id, command } = ToDevice.parse(message);
    last = last.then(async () => {
      const result = await answer(command).catch((error: unknown) => ({ status: 'failed' as const, error: reportOf(error) }));
      process.send?.({ id, result } satisfies FromDevice);
    });
  });
  process.on('disconnect', () => process.exit());
  new Worker(new URL('./parent-watch.js', import.meta.url), { workerData: { parent: process.ppid } }).unref();
}

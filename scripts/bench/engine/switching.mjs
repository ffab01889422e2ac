import path from 'node:path';
import { memoryOf, processesOf } from '../../measure/processes.mjs';
import { MeasuredServer } from '../../measure/server.mjs';

const GIGABYTE = 1e9;
const TIMES = 10;

/** Makes a picture with one checkpoint, with another, and so on: does the memory of the one come back? */
export async function measureSwitching({ threads, modelsDir, checkpoint }) {
  const checkpoints = [1, 2].map((seed) => checkpoint('sd15', { type: 'fp16', seed }));
  const server = await MeasuredServer.start({ modelsDirs: [modelsDir], threads });
  try {
    await server.ready();
    const ownAfter = async (file) => {
      const name = path.basename(file, '.safetensors');
      await server.makePicture({ prompt: 'a lighthouse', seed: 1, checkpoint: name, width: 256, height: 256, steps: 1 });
      return memoryOf(processesOf(server.pid).device).own / GIGABYTE;
    };
    const first = await ownAfter(checkpoints[0]);
    const later = [];
    for (let time = 1; time <= TIMES; time++) {
      console.error(`switching, ${time} of ${TIMES}`);
      await ownAfter(checkpoints[1]);
      later.push(await ownAfter(checkpoints[0]));
    }
    return {
      title: `Switching to another checkpoint and back, ${TIMES} times`,
      rows: [
        { measure: 'own memory of the device the first time, GB', values: [first] },
        { measure: 'own memory of the device each time after, GB', values: later },
        { measure: 'the largest difference, GB', values: [Math.max(...later.map((own) => Math.abs(own - first)))], atMost: 0.2 },
      ],
    };
  } finally {
    await server.stop();
  }
}

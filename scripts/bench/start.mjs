import { MeasuredServer } from '../measure/server.mjs';
import { memoryOf, processesOf } from '../measure/processes.mjs';

export const describe = 'how long a start takes, from the process to the first picture, and what the processes hold in memory';
export const options = { runs: { type: 'string', default: '5' } };

const request = { prompt: 'a lighthouse on the sea at night', seed: 1 };
const MEBIBYTE = 2 ** 20;

/** One fresh server after another, so that no run disturbs the next. */
export async function* run({ runs }) {
  const measured = [];
  for (let index = 0; index < Number(runs); index++) measured.push(await measureStart());
  const rows = Object.keys(measured[0]).map((measure) => ({ measure, values: measured.map((one) => one[measure]) }));
  yield { title: `start, ${runs} runs`, rows };
}

/** One start: the first answer, the engine, the first picture, and the memory afterwards. */
async function measureStart() {
  const beganAt = performance.now();
  const elapsed = () => performance.now() - beganAt;
  const server = await MeasuredServer.start();
  try {
    await fetch(server.address);
    const firstAnswer = elapsed();
    await server.ready();
    const engineReady = elapsed();
    await server.makePicture(request);
    const firstPicture = elapsed();
    const memory = Object.entries(processesOf(server.pid)).map(([role, pid]) => [`memory of ${role}, MiB`, memoryOf(pid).resident / MEBIBYTE]); // prettier-ignore
    return {
      'first HTTP answer, ms': firstAnswer,
      'engine ready, ms': engineReady,
      'first picture, ms': firstPicture,
      ...Object.fromEntries(memory),
    };
  } finally {
    await server.stop();
  }
}

import path from 'node:path';
import { ModelCallLog, now } from '../../measure/model-calls.mjs';
import { ProcessWatch } from '../../measure/processes.mjs';
import { MeasuredServer } from '../../measure/server.mjs';

const GIGABYTE = 1e9;
const prompt = 'a lighthouse on the sea at night';

/** What stands between the click and the first call of the UNet, and what the device holds then and later. Each run is a fresh server. */
export async function measureOpening({ rounds, threads, modelsDir, checkpoint }) {
  const file = checkpoint('sd15', { type: 'fp16' });
  const runs = [];
  for (let round = 1; round <= rounds; round++) {
    console.error(`round ${round} of ${rounds}: opening`);
    runs.push(await open(path.basename(file, '.safetensors'), { threads, modelsDir }));
  }
  const values = (measure) => runs.map((run) => run[measure]);
  return {
    title: 'Opening SD1.5, fp16 file, 512 px',
    notes: [
      'a new server each time, whose checkpoint has no hash yet. Own memory is RssAnon: without the pages of the mapped file. Tokens were counted before, as the page does while one types.',
    ],
    rows: [
      { measure: 'click to first UNet call, CPU-s of all processes', values: values('cpuSeconds'), atMost: 1 },
      { measure: '- of them the device, which encodes the prompt', values: values('device') },
      { measure: '- of them server and engine', values: values('others') },
      { measure: '- the same by the clock, s', values: values('seconds') },
      { measure: 'own memory of the device until then, at most, GB', values: values('peakOpening'), atMost: 0.3 },
      { measure: 'own memory of the device while sampling, at most, GB', values: values('peakSampling'), atMost: 1.4 },
      { measure: 'own memory of the device while decoding, at most, GB', values: values('peakDecoding') },
    ],
  };
}

async function open(checkpoint, { threads, modelsDir }) {
  const log = new ModelCallLog();
  const server = await MeasuredServer.start({ modelsDirs: [modelsDir], threads, env: log.env });
  const watch = new ProcessWatch(server.pid);
  try {
    await server.ready();
    await server.ask('/api/tokens', { prompt });
    const clickedAt = now();
    await server.makePicture({ prompt, seed: 1, sampler: 'euler', checkpoint, width: 512, height: 512, steps: 2 });
    const doneAt = now();

    const calls = log.since(clickedAt);
    const first = calls.find(({ inputs }) => inputs.includes('timesteps'));
    const last = calls.findLast(({ outputs }) => outputs.includes('prediction'));
    const { device, ...others } = watch.cpuSecondsBetween(clickedAt, first.beganAt);
    return {
      cpuSeconds: device + others.server + others.engine,
      device,
      others: others.server + others.engine,
      seconds: (first.beganAt - clickedAt) / 1000,
      peakOpening: watch.peaks(clickedAt, first.beganAt).own / GIGABYTE,
      peakSampling: watch.peaks(first.beganAt, last.endedAt).own / GIGABYTE,
      peakDecoding: watch.peaks(last.endedAt, doneAt).own / GIGABYTE,
    };
  } finally {
    watch.stop();
    await server.stop();
    log.remove();
  }
}

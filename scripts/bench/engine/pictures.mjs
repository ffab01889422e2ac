import path from 'node:path';
import { writeFullSize } from '../../full-size.mjs';
import { ModelCallLog, stepsOf, sumOf } from '../../measure/model-calls.mjs';
import { ProcessWatch } from '../../measure/processes.mjs';
import { MeasuredServer } from '../../measure/server.mjs';

const GIGABYTE = 1e9;
const prompt = { prompt: 'a lighthouse on the sea at night', seed: 1, sampler: 'euler' };

/** What a whole picture of SD1.5 costs beside its model calls: each run is a fresh server, from the click to the PNG. */
export async function measurePictures({ rounds, steps, threads, folder }) {
  const file = writeFullSize('sd15', { type: 'fp16', folder: path.join(folder, 'checkpoints') });
  const runs = [];
  for (let round = 1; round <= rounds; round++) {
    console.error(`pictures, round ${round} of ${rounds}`);
    runs.push(await onePicture({ checkpoint: path.basename(file, '.safetensors'), steps, folder, threads }));
  }
  const values = (measure) => runs.map((run) => run[measure]);
  const perStep = (measure) => runs.flatMap((run) => run.steps.map(measure));
  return [
    {
      title: `SD1.5 fp16, a fresh server, 512 px, ${steps} steps`,
      notes: ['The device counts from its start as a process. Server and engine hash the file at the same time (once for each file).'],
      rows: [
        { measure: 'click to first UNet call: CPU-s of the device', values: values('openingDevice'), atMost: 1 },
        { measure: 'the same: CPU-s of server and engine', values: values('openingOthers') },
        { measure: 'the same: s on the clock', values: values('openingSeconds') },
        { measure: 'own memory of the device until then, GB', values: values('peakOpening'), atMost: 0.3 },
        { measure: 'own memory while sampling, GB', values: values('peakSampling'), atMost: 1.4 },
        { measure: 'own memory while decoding, GB', values: values('peakDecoding') },
        { measure: 'a step, s', values: perStep(({ ms }) => ms / 1000) },
        { measure: 'ours of a step (loop, bus, messages), share', values: perStep(({ ms, ours }) => ours / ms), atMost: 0.01 },
        { measure: 'ours and the decoder for previews, share of all steps', values: runs.map(shareBesideTheModel), atMost: 0.01 },
        { measure: 'longest wait for Cancel, share of a step', values: perStep(({ longest, model }) => longest / model), atMost: 0.2 },
        { measure: 'the picture, s', values: values('seconds') },
      ],
    },
  ];
}

async function onePicture({ checkpoint, steps: count, folder, threads }) {
  const log = new ModelCallLog();
  const server = await MeasuredServer.start({ modelsDirs: [folder], threads, env: log.env });
  const watch = new ProcessWatch(server.pid);
  try {
    await server.ready();
    const clickedAt = now();
    await server.makePicture({ ...prompt, checkpoint, width: 512, height: 512, steps: count });
    const doneAt = now();

    const calls = log.since(clickedAt);
    const first = calls.find(({ inputs }) => inputs.includes('timesteps'));
    const last = calls.findLast(({ outputs }) => outputs.includes('prediction'));
    return {
      openingDevice: first.cpuSeconds,
      openingOthers: watch.cpuSecondsBetween(clickedAt, first.beganAt),
      openingSeconds: (first.beganAt - clickedAt) / 1000,
      peakOpening: watch.peakBetween(clickedAt, first.beganAt) / GIGABYTE,
      peakSampling: watch.peakBetween(first.beganAt, last.endedAt) / GIGABYTE,
      peakDecoding: watch.peakBetween(last.endedAt, doneAt) / GIGABYTE,
      steps: stepsOf(calls),
      seconds: (doneAt - clickedAt) / 1000,
    };
  } finally {
    watch.stop();
    await server.stop();
    log.remove();
  }
}

function shareBesideTheModel({ steps }) {
  const sum = (measure) => steps.reduce((total, step) => total + measure(step), 0);
  return sum(({ ms, model }) => ms - model) / sum(({ ms }) => ms);
}

/** Milliseconds since 1970, as the call log has them. */
function now() {
  return performance.timeOrigin + performance.now();
}

/** Pictures of the starter checkpoint, one after another on one warm server. */
export async function measureStarter({ rounds, threads }) {
  const log = new ModelCallLog();
  const server = await MeasuredServer.start({ threads, env: log.env });
  const runs = [];
  try {
    await server.ready();
    const request = { ...prompt, checkpoint: 'atelier-starter', steps: 20 };
    await server.makePicture(request);
    for (let round = 0; round < 3 * rounds; round++) {
      const clickedAt = now();
      await server.makePicture(request);
      const ms = now() - clickedAt;
      const calls = log.since(clickedAt);
      runs.push({ seconds: ms / 1000, ratio: ms / sumOf(calls), steps: stepsOf(calls) });
    }
  } finally {
    await server.stop();
    log.remove();
  }
  const perStep = (measure) => runs.flatMap((run) => run.steps.map(measure));
  return [
    {
      title: 'starter checkpoint, warm, 20 steps',
      rows: [
        { measure: 'a step, ms', values: perStep(({ ms }) => ms) },
        { measure: 'ours of a step, ms', values: perStep(({ ours }) => ours), atMost: 25 },
        { measure: 'the picture through HTTP, s', values: runs.map(({ seconds }) => seconds) },
        { measure: 'the picture ÷ the sum of its model calls', values: runs.map(({ ratio }) => ratio), atMost: 1.15 },
      ],
    },
  ];
}

import { ModelCallLog, now, stepsOf, sumOf } from '../../measure/model-calls.mjs';
import { MeasuredServer } from '../../measure/server.mjs';

const STEPS = 20;
const PICTURES_A_ROUND = 3;

/** Pictures of the starter checkpoint, one after another on one warm server. */
export async function measureStarter({ rounds, threads }) {
  const log = new ModelCallLog();
  const server = await MeasuredServer.start({ threads, env: log.env });
  const request = { prompt: 'a lighthouse on the sea at night', seed: 1, checkpoint: 'atelier-starter', steps: STEPS };
  const runs = [];
  try {
    await server.ready();
    await server.makePicture(request);
    while (runs.length < PICTURES_A_ROUND * rounds) {
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
  return {
    title: `Starter checkpoint, warm, ${STEPS} steps`,
    rows: [
      { measure: 'a step, ms', values: perStep(({ ms }) => ms) },
      { measure: 'everything of ours in a step, ms', values: perStep(({ ms, model }) => ms - model), atMost: 25 },
      { measure: 'the picture through HTTP, s', values: runs.map(({ seconds }) => seconds) },
      { measure: 'the picture ÷ the sum of its model calls', values: runs.map(({ ratio }) => ratio), atMost: 1.15 },
    ],
  };
}

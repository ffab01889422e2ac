import path from 'node:path';
import { ModelCallLog, now, stepsOf } from '../../measure/model-calls.mjs';
import { MeasuredServer } from '../../measure/server.mjs';
import { median } from '../../measure/table.mjs';

/** Everything of ours beside the model: the loop, guidance, the bus with the built-in extensions, messages between processes, previews. */
export async function measureBeside({ steps: count, threads, modelsDir, checkpoint }) {
  const file = checkpoint('sd15', { type: 'fp16' });
  const log = new ModelCallLog();
  const server = await MeasuredServer.start({ modelsDirs: [modelsDir], threads, env: log.env });
  try {
    await server.ready();
    const clickedAt = now();
    await server.makePicture({ prompt: 'a lighthouse', seed: 1, checkpoint: path.basename(file, '.safetensors'), width: 512, height: 512, steps: count }); // prettier-ignore
    const steps = stepsOf(log.since(clickedAt));
    const previews = steps.filter((step) => step.previews > 0);
    const sum = (measure) => steps.reduce((total, step) => total + measure(step), 0);
    return {
      title: `Beside the model: SD1.5, fp16 file, 512 px, ${count} steps`,
      notes: [`the decoder looks at a piece of the picture in ${previews.length} of the steps, to learn the colours of previews.`],
      rows: [
        { measure: 'a step, s', values: steps.map(({ ms }) => ms / 1000) },
        { measure: 'loop, guidance, bus and messages, ms of a step', values: steps.map(({ ours }) => ours) },
        { measure: 'the decoder for previews, ms of a step that has it', values: previews.map((step) => step.previews) },
        {
          measure: 'all of that, as a share of the steps',
          values: [sum(({ ms, model }) => ms - model) / (steps.length * median(steps.map(({ ms }) => ms)))],
          atMost: 0.01,
        },
      ],
    };
  } finally {
    await server.stop();
    log.remove();
  }
}

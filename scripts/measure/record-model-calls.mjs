// Imported before the program (`node --import`): in the device process, writes down every call of ONNX Runtime in the file that
// RECORD_MODEL_CALLS names, one JSON object a line. The program itself knows nothing of it.
import fs from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env.RECORD_MODEL_CALLS;
if (isMainThread && process.argv[2] === 'device') await recordCalls();

async function recordCalls() {
  const { InferenceSession } = await import('onnxruntime-node');
  const now = () => performance.timeOrigin + performance.now();
  const { run } = InferenceSession.prototype;

  InferenceSession.prototype.run = async function (feeds, ...rest) {
    const { user, system } = process.cpuUsage();
    const beganAt = now();
    const results = await run.call(this, feeds, ...rest);
    const endedAt = now();
    const record = { beganAt, endedAt, cpuSeconds: (user + system) / 1e6, inputs: Object.keys(feeds), outputs: Object.keys(results) };
    fs.appendFileSync(file, `${JSON.stringify(record)}\n`);
    return results;
  };
}

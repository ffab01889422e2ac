// The program of a measured model's process: opens the diffusion model of a checkpoint and times calls of it.
import { DeviceOptions } from '@atelier/sdk/contracts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { readModelFile } from '../../backend/dist/checkpoints/model-file.js';
import { OnnxDevice } from '../../backend/dist/inference/onnx-device.js';
import { inEightBits } from '../../backend/dist/library/quantised-weights.js';
import { WeightCache } from '../../backend/dist/library/weight-cache.js';
import { families, recognise } from '../../backend/dist/model-families/families.js';

const engines = { ours: openOurs, onnxruntime: openPlain };
/** @type {import('./unet-process.mjs').ModelWishes} */
const wishes = JSON.parse(process.argv[2]);
const cpuSeconds = () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6;

const before = cpuSeconds();
const call = await engines[wishes.engine](await graphOf(wishes), wishes);
process.send({ openingCpuSeconds: cpuSeconds() - before });

const pieces = timesOfRuns();
process.on('message', async (shapes) => {
  const inputs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, tensor(name, shape)]));
  pieces.length = 0;
  const [beganAt, cpuBefore] = [performance.now(), cpuSeconds()];
  await call(inputs);
  process.send({ seconds: (performance.now() - beganAt) / 1000, cpuSeconds: cpuSeconds() - cpuBefore, longestPiece: Math.max(...pieces) });
});

async function graphOf({ file, mostPieces, arithmetic, cacheDir }) {
  const { family, model } = recognise(await readModelFile(file), families);
  const write = (weights) => family.graph(weights, { arithmetic, mostPieces });
  if (!cacheDir) return await write(model);
  return await write(await inEightBits({ model, write, content: file }, new WeightCache(cacheDir, () => Infinity)));
}

/** As the device process runs it. */
async function openOurs(graph, { threads, prepack }) {
  const device = await OnnxDevice.start(DeviceOptions.parse({ provider: 'cpu', threads }));
  const neverInterrupted = { interrupted: new AbortController().signal, tell() {} };
  await device.carryOut({ type: 'open', session: 1, graph, prepack }, neverInterrupted);
  return (inputs) => device.carryOut({ type: 'run', session: 1, inputs, keep: {} }, neverInterrupted);
}

/** ONNX Runtime with its default options. */
async function openPlain({ pieces: [{ bytes }], weightsFolder }, { threads }) {
  const model = await InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
    extra: { session: { model_external_initializers_file_folder_path: weightsFolder } },
  });
  return (inputs) =>
    model.run(Object.fromEntries(Object.entries(inputs).map(([name, { type, data, shape }]) => [name, new Tensor(type, data, shape)])));
}

/** Seconds of every run of a session from now on. */
function timesOfRuns() {
  const seconds = [];
  const { run } = InferenceSession.prototype;
  InferenceSession.prototype.run = async function (...args) {
    const beganAt = performance.now();
    const results = await run.apply(this, args);
    seconds.push((performance.now() - beganAt) / 1000);
    return results;
  };
  return seconds;
}

/** Numbers of the size of noise, or a time in the middle: how long a call takes does not depend on them. */
function tensor(name, shape) {
  const count = shape.reduce((product, side) => product * side, 1);
  const value = name === 'timesteps' ? () => 500 : (_, index) => 1.4 * Math.sin(index);
  return { type: 'float32', shape, data: Float32Array.from({ length: count }, value) };
}

// The program of a measured model's process: opens the diffusion model of a checkpoint and times calls of it.
import { DeviceOptions } from '@atelier/sdk/contracts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { readModelFile } from '../../backend/dist/checkpoints/model-file.js';
import { OnnxDevice } from '../../backend/dist/inference/onnx-device.js';
import { families, recognise } from '../../backend/dist/model-families/families.js';

const BATCH = 2;
const [CHANNELS, TOKENS, CONTEXT_WIDTH] = [4, 77, 768];

const engines = { ours: openOurs, onnxruntime: openPlain };
const wishes = JSON.parse(process.argv[2]);
const cpuSeconds = () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6;

const before = cpuSeconds();
const call = await engines[wishes.engine](await graphOf(wishes), wishes);
process.send({ openingCpuSeconds: cpuSeconds() - before });

process.on('message', async ({ side }) => {
  const inputs = {
    x: tensor([BATCH, CHANNELS, side, side]),
    timesteps: tensor([BATCH], 500),
    context: tensor([BATCH, TOKENS, CONTEXT_WIDTH]),
  };
  const beganAt = performance.now();
  await call(inputs);
  process.send({ ms: performance.now() - beganAt });
});

async function graphOf({ file, mostPieces }) {
  const { family, model } = recognise(await readModelFile(file), families);
  return family.graph(model, { arithmetic: 'float32', mostPieces });
}

/** As the device process runs it. */
async function openOurs(graph, { threads, deviceOptions }) {
  const device = await OnnxDevice.start(DeviceOptions.parse({ provider: 'cpu', threads, ...deviceOptions }));
  await device.carryOut({ type: 'open', session: 1, graph });
  return (inputs) => device.carryOut({ type: 'run', session: 1, inputs, keep: {} });
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

/** Numbers of the size of noise, or one number throughout: the time that a call takes does not depend on them. */
function tensor(shape, value) {
  const count = shape.reduce((product, side) => product * side, 1);
  return { type: 'float32', shape, data: Float32Array.from({ length: count }, (_, index) => value ?? 1.4 * Math.sin(index)) };
}

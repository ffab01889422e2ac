import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DeviceOptions, DeviceTensor } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { afterAll, afterEach, expect, test } from 'vitest';
import { readModelFile } from '../../backend/src/checkpoints/model-file.js';
import { Device } from '../../backend/src/inference/device.js';
import { NotOnDevice, type DeviceEnded } from '../../backend/src/inference/errors.js';
import { unetConfig } from '../../backend/src/model-families/unet/config.js';
import { unetGraph } from '../../backend/src/model-families/unet/unet.js';
import { sd15Graphs } from '../support/sd15-graphs.js';

const entry = fileURLToPath(new URL('../../backend/dist/main.js', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'device-'));
const checkpoint = await readModelFile(tinyCheckpoint('sd15', { folder }));
const graphs = sd15Graphs(checkpoint);

const devices: Device[] = [];
function newDevice(options: Partial<DeviceOptions> = {}): Device {
  const device = new Device({ entry, options: async () => options });
  devices.push(device);
  return device;
}
afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.end()));
});
afterAll(() => rmSync(folder, { recursive: true }));

const floats = (shape: number[], valueAt: (index: number) => number): DeviceTensor => ({
  type: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((size, side) => size * side, 1) }, (_, i) => valueAt(i)),
});
const tokens: DeviceTensor = { type: 'int32', shape: [1, 77], data: new Int32Array(77).fill(49407) };
const latent = (side: number) => floats([1, 4, side, side], Math.sin);
/** Whether a process of that number is there. Signal 0 only asks. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a model call can be interrupted between two of its pieces, and the next one runs', async () => {
  const device = newDevice();
  const { model } = checkpoint.components;
  const unet = await device.open(unetGraph(model!, unetConfig(model!), { arithmetic: 'float32', mostPieces: 10 }));
  const context = floats([1, 77, 64], Math.cos);
  const inputs = { x: latent(96), timesteps: floats([1], () => 500), context };
  const running = device.run(unet, inputs);
  await device.interrupt();
  await expect(running).rejects.toMatchObject({ code: 'model-call-interrupted' });
  const whole = await device.open(graphs.unet);
  const small = { ...inputs, x: latent(8) };
  expect(await device.run(unet, small)).toEqual(await device.run(whole, small));
});

test('opening a model whose weights are copied tells how far it is, and can be interrupted', async () => {
  const device = newDevice();
  const { model } = checkpoint.components;
  const graph = unetGraph(model!, unetConfig(model!), { arithmetic: 'float32', mostPieces: 10 });
  const total = graph.pieces.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  const told: number[] = [];
  const unet = await device.open(graph, { prepack: true, onRead: (bytes) => told.push(bytes) });
  expect(told).toHaveLength(graph.pieces.length);
  expect(told.at(-1)).toBe(total);
  expect(told).toEqual([...told].sort((a, b) => a - b));
  await device.close(unet);

  const opening = device.open(graph, { prepack: true, onRead: () => void device.interrupt() });
  await expect(opening).rejects.toMatchObject({ code: 'model-call-interrupted' });
  expect(await device.facts()).toMatchObject({ sessions: 0 });
  await device.open(graph, { prepack: true });
});

test('the device runs a model, and outputs that are kept go into the next one by handle', async () => {
  const device = newDevice();
  const [textEncoder, unet] = [await device.open(graphs.textEncoder), await device.open(graphs.unet)];
  const { tensors, kept } = await device.runKeeping(textEncoder, { tokens }, ['hidden']);
  expect(tensors).toEqual({});
  const x = await device.put(latent(8));
  const inputs = { x, timesteps: floats([1], () => 500), context: kept.hidden };
  const { prediction } = await device.run(unet, inputs);
  expect(prediction.shape).toEqual([1, 4, 8, 8]);

  const { hidden } = await device.run(textEncoder, { tokens });
  expect((await device.run(unet, { ...inputs, x: latent(8), context: hidden })).prediction).toEqual(prediction);
  expect(await device.facts()).toMatchObject({ provider: 'cpu', sessions: 2, tensors: 2 });

  await device.free(x);
  await expect(device.run(unet, inputs)).rejects.toBeInstanceOf(NotOnDevice);
  await device.close(unet);
  expect(await device.facts()).toMatchObject({ sessions: 1, tensors: 1 });
});

test('a device that is killed from outside fails the call in flight, says so, and comes back with the next open', async () => {
  const device = newDevice();
  const decoder = await device.open(graphs.vaeDecoder);
  const ends: DeviceEnded[] = [];
  device.onExit((ended) => ends.push(ended));
  const running = device.run(decoder, { latent: latent(128) });
  const pid = device.processId!;
  process.kill(pid, 'SIGKILL');
  await expect(running).rejects.toMatchObject({
    code: 'device-ended',
    kind: 'unavailable',
    message: expect.stringContaining('SIGKILL') as string,
  });
  expect(ends).toHaveLength(1);
  await expect(device.run(decoder, { latent: latent(8) })).rejects.toBeInstanceOf(NotOnDevice);

  const again = await device.open(graphs.vaeDecoder);
  expect(device.generation).toBe(2);
  expect(device.processId).not.toBe(pid);
  expect((await device.run(again, { latent: latent(8) })).image.shape).toEqual([1, 3, 64, 64]);
});

test.runIf(process.platform === 'linux')('a call that gets no memory says so, and the device goes on', async () => {
  const device = newDevice();
  const decoder = await device.open(graphs.vaeDecoder);
  await device.run(decoder, { latent: latent(8) });
  const status = readFileSync(`/proc/${device.processId}/status`, 'utf8');
  const held = 1024 * Number(/^VmData:\s*(\d+)/m.exec(status)![1]);
  execFileSync('prlimit', [`--pid=${device.processId}`, `--data=${held + 64 * 2 ** 20}`]);
  await expect(device.run(decoder, { latent: latent(192) })).rejects.toMatchObject({
    code: 'out-of-memory',
    message: expect.stringContaining('There was no memory left for a call of') as string,
  });
  expect((await device.run(decoder, { latent: latent(8) })).image.shape).toEqual([1, 3, 64, 64]);
  expect(device.generation).toBe(1);
});

test('ending the device stops a model call at once', async () => {
  const device = newDevice();
  const decoder = await device.open(graphs.vaeDecoder);
  const running = device.run(decoder, { latent: latent(192) }).catch((error: unknown) => error);
  await delay(100); // well inside the call, which takes many seconds
  const begun = performance.now();
  await device.end('somebody pressed "Stop now"');
  expect(performance.now() - begun).toBeLessThan(1000);
  expect(await running).toMatchObject({ code: 'device-ended', message: expect.stringContaining('Stop now') as string });
  expect(device.processId).toBeUndefined();
});

test('the next open does not wait for a device that is being ended: it gets a new one', async () => {
  const device = newDevice();
  await device.open(graphs.vaeDecoder);
  const { generation, processId } = device;
  const ending = device.end();
  expect(device.generation).not.toBe(generation); // at once, so that no session of the old one is used
  const decoder = await device.open(graphs.vaeDecoder);
  await ending;
  expect((await device.run(decoder, { latent: latent(8) })).image.shape).toEqual([1, 3, 64, 64]);
  expect(device.processId).not.toBe(processId);
});

test('errors of the runtime arrive with the name of the graph, and the device goes on', async () => {
  const device = newDevice();
  const [whole] = graphs.unet.pieces;
  const broken = { ...graphs.unet, pieces: [{ ...whole, bytes: whole.bytes.slice(0, 1000) }] };
  await expect(device.open(broken)).rejects.toMatchObject({ code: 'model-not-opened', message: expect.stringContaining('unet') as string });
  const unet = await device.open(graphs.unet);
  await expect(device.run(unet, { x: latent(8) })).rejects.toMatchObject({ code: 'model-call-failed' });
  expect(device.generation).toBe(1);
});

test('a provider that is not there is refused by name, and nothing else is taken in its place', async () => {
  const device = newDevice({ provider: process.platform === 'win32' ? 'coreml' : 'dml' });
  await expect(device.open(graphs.unet)).rejects.toMatchObject({
    code: 'provider-missing',
    hint: expect.stringContaining('cpu') as string,
  });
  await expect.poll(() => device.processId).toBeUndefined();
});

test('the device ends when the engine is killed, in the middle of a call too', async () => {
  const built = (file: string) => JSON.stringify(pathToFileURL(path.join(path.dirname(entry), file)).href);
  const script = path.join(folder, 'engine.mjs');
  writeFileSync(
    script,
    `import { readModelFile } from ${built('checkpoints/model-file.js')};
     import { Device } from ${built('inference/device.js')};
     import { autoencoderConfig, decoderGraph } from ${built('model-families/vae/autoencoder.js')};
     const { components: { vae } } = await readModelFile(${JSON.stringify(checkpoint.file)});
     const device = new Device({ entry: ${JSON.stringify(entry)}, options: async () => ({}) });
     const decoder = await device.open(decoderGraph(vae, autoencoderConfig(vae)));
     const latent = { type: 'float32', shape: [1, 4, 192, 192], data: new Float32Array(4 * 192 * 192) };
     void device.run(decoder, { latent });
     process.stdout.write(String(device.processId) + '\\n');
     setTimeout(() => process.kill(process.pid, 'SIGKILL'), 300);`,
  );
  const engine = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(String((await once(engine.stdout, 'data'))[0]));
  expect(isRunning(pid)).toBe(true);
  await expect.poll(() => isRunning(pid), { timeout: 6000 }).toBe(false);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '@atelier/sdk';
import type { DeviceTensor, Provider } from '@atelier/sdk/contracts';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { readModelFile } from '../../backend/src/checkpoints/model-file.js';
import { euler } from '../../backend/src/diffusion/samplers/euler.js';
import { scaledLinearLevels, tableSampling } from '../../backend/src/diffusion/sigma-table.js';
import { placeStableDiffusion1 } from '../../backend/src/engine/sd1-placement.js';
import { chooseProvider } from '../../backend/src/inference/choose-provider.js';
import { Device } from '../../backend/src/inference/device.js';
import { tryProvider } from '../../backend/src/inference/try-provider.js';
import { clipConfig, clipGraph } from '../../backend/src/model-families/text-encoders/clip.js';
import { unetConfig } from '../../backend/src/model-families/unet/config.js';
import { unetGraph } from '../../backend/src/model-families/unet/unet.js';
import { expectClose, goldenPath, hasGolden, readJson, readTensors, realTensor, shareOfLargest } from '../support/goldens.js';
import { floats, tokenRows } from '../support/open-graph.js';
import { softwareVulkan } from '../support/software-vulkan.js';
import { writeWidened } from '../support/widened-checkpoint.js';

/*
 * WebGPU on a graphics card that is a program (SwiftShader). It is some hundred times slower than the CPU and has no half precision, and
 * it proves the numbers: what runs here runs on any card.
 */
const entry = fileURLToPath(new URL('../../backend/dist/main.js', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'webgpu-'));
afterAll(() => rmSync(folder, { recursive: true }));

const driver = softwareVulkan();
if ('environment' in driver) for (const [name, value] of Object.entries(driver.environment)) vi.stubEnv(name, value); // device processes inherit it
const devices: Device[] = [];
function deviceOn(provider: Provider): Device {
  const device = new Device({ entry, options: async () => ({ provider }) });
  devices.push(device);
  return device;
}
afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.end()));
});

interface TinyConfig {
  family: string;
  unet: { num_heads: number; in_channels?: number };
  clip_l: { num_attention_heads: number };
}
/** What is known of a tiny model's run: its start, and the tokens of a prompt. */
interface Reference {
  text: { ids: { l: number[][] } }[];
  txt2img: { sigmas: string; x_before_step: string[] };
  tensors_file: string;
}
const configs = hasGolden('models/checkpoints/configs.json') ? readJson<Record<string, TinyConfig>>('models/checkpoints/configs.json') : {};
const checkpoints = Object.keys(configs).filter((name) => {
  const isWhole = hasGolden(`models/checkpoints/${name}.safetensors`) && hasGolden(`models/refs/${name}.json`);
  return isWhole && configs[name].family === 'SD15' && 'txt2img' in readJson<object>(`models/refs/${name}.json`);
});

/** Two Euler steps at 64 px from the noise of the golden run; the last latent. */
async function twoSteps(device: Device, name: string, file: string): Promise<Tensor> {
  const { text, txt2img, tensors_file } = readJson<Reference>(`models/refs/${name}.json`);
  const golden = readTensors(`models/refs/${tensors_file}`);
  const { components } = await readModelFile(file);
  const [encoder, model] = [components.textEncoders.get('clip-l')!, components.model!];
  const clip = clipConfig(encoder, 'clip-l', configs[name].clip_l.num_attention_heads);
  const words = await device.open(clipGraph(encoder, clip, { layer: 1, finalNorm: true, pooled: 'none' }));
  const { hidden } = await device.run(words, { tokens: tokenRows(text[0].ids.l) });
  const config = unetConfig(model, { heads: configs[name].unet.num_heads });
  const denoiser = await device.open(unetGraph(model, config, { arithmetic: 'float32', mostPieces: 1 }));

  const sampling = tableSampling(scaledLinearLevels(), 'eps');
  const denoise = async (x: Tensor, sigma: number) => {
    const scaled = Array.from(x.data, (value) => value / Math.hypot(sigma, 1));
    const inputs = { x: floats(x.shape, scaled), timesteps: floats([1], [sampling.timestepOf(sigma)]), context: hidden };
    const eps = numbers((await device.run(denoiser, inputs)).prediction);
    const denoised = { shape: x.shape, data: Float32Array.from(x.data, (value, i) => value - sigma * eps[i]) };
    return { denoised, uncond: denoised };
  };
  const levels = realTensor(golden, txt2img.sigmas).data;
  const sigmas = [levels[0], levels[Math.floor(levels.length / 2)], 0];
  let x: Tensor = realTensor(golden, txt2img.x_before_step[0]);
  const run = { model: sampling, denoise, noise: () => expect.fail('Euler draws no noise.'), x, sigmas, options: euler.options.parse({}) };
  for await (const step of euler.steps(run)) x = step.x;
  return x;
}

function numbers({ data }: DeviceTensor): Float32Array {
  if (!(data instanceof Float32Array)) throw new Error('A model answers in float32.');
  return data;
}

describe.skipIf('absentBecause' in driver)(`WebGPU${'absentBecause' in driver ? `: ${driver.absentBecause}` : ''}`, () => {
  for (const name of checkpoints) {
    const half = goldenPath(`models/checkpoints/${name}.safetensors`);
    test(`${name} with float32 weights: two steps equal the CPU's`, async () => {
      const file = path.join(folder, `${name}.safetensors`);
      writeWidened(half, file);
      const [here, onCpu] = [await twoSteps(deviceOn('webgpu'), name, file), await twoSteps(deviceOn('cpu'), name, file)];
      expectClose(here.data, onCpu.data, shareOfLargest(onCpu.data, 1e-3), 'last latent');
    });

    test(`${name} in half precision runs too where the card has none: weights are widened when the model is opened`, async () => {
      const device = deviceOn('webgpu');
      const [here, onCpu] = [await twoSteps(device, name, half), await twoSteps(deviceOn('cpu'), name, half)];
      expectClose(here.data, onCpu.data, shareOfLargest(onCpu.data, 1e-3), 'last latent');
      expect(await device.facts()).toMatchObject({ provider: 'webgpu', halfPrecision: false });
    });
  }

  test('no operator of Stable Diffusion 1 that computes falls back to the CPU', async () => {
    const placed = await placeStableDiffusion1(deviceOn('webgpu'));
    expect(Object.keys(placed)).toEqual(['text-encoder', 'unet', 'vae-decoder']);
    for (const [network, operators] of Object.entries(placed)) {
      const fallen = operators.filter(({ onCpu, isShapeArithmetic }) => onCpu && !isShapeArithmetic);
      expect(fallen, network).toEqual([]);
      expect(operators.some(({ operator, onCpu }) => operator === 'Gemm' && !onCpu) || network === 'vae-decoder').toBe(true);
    }
  });

  test('an operator that answers wrongly is seen and replaced', async () => {
    expect((await deviceOn('webgpu').facts()).replacedOperators).toEqual(['MultiHeadAttention']);
    expect((await deviceOn('cpu').facts()).replacedOperators).toEqual([]);
  });

  test('"auto" tries it, sees that no graphics card is behind it, and stays on the CPU', async () => {
    const tried: Provider[] = [];
    const chosen = await chooseProvider('auto', (provider) => (tried.push(provider), tryProvider(provider, { entry })), true);
    expect(chosen.provider).toBe('cpu');
    expect(chosen.because).toMatch(/webgpu takes \d+ times as long/);
    expect(tried).toContain('webgpu');
  });
});

test('without a driver WebGPU is refused with what to install, and "auto" stays on the CPU', async () => {
  vi.stubEnv('VK_ICD_FILENAMES', '/nowhere.json');
  vi.stubEnv('VK_DRIVER_FILES', '/nowhere.json');
  await expect(deviceOn('webgpu').facts()).rejects.toMatchObject({
    code: 'provider-missing',
    hint: expect.stringContaining('Vulkan') as string,
  });
  expect(await chooseProvider('auto', (provider) => tryProvider(provider, { entry }), true)).toMatchObject({ provider: 'cpu' });
});

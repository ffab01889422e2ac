import type { DeviceFacts, Provider } from '@atelier/sdk/contracts';
import { expect, test } from 'vitest';
import { chooseProvider } from '../../../../backend/src/inference/choose-provider.js';
import { installStep } from '../../../../backend/src/inference/install-step.js';
import type { ProviderTrial } from '../../../../backend/src/inference/try-provider.js';

const facts: Omit<DeviceFacts, 'provider'> = {
  chosenBecause: 'of a test',
  threads: 2,
  halfPrecision: true,
  replacedOperators: [],
  runtime: 'ONNX Runtime',
  memoryBytes: 0,
  sessions: 0,
  tensors: 0,
};

/** A machine on which these providers take so many seconds; the others fail. */
function machine(seconds: Partial<Record<Provider, number>>): (provider: Provider) => Promise<ProviderTrial> {
  return async (provider) => {
    const taken = seconds[provider];
    if (taken !== undefined) return { provider, works: true, facts: { ...facts, provider }, seconds: taken };
    const problem = { code: 'provider-missing', kind: 'unavailable', message: `No ${provider} here.`, hint: '', details: '' } as const;
    return { provider, works: false, problem };
  };
}

test('"auto" takes a graphics card that is faster than the CPU, and says by how much', async () => {
  expect(await chooseProvider('auto', machine({ cpu: 0.4, webgpu: 0.02 }), true)).toEqual({
    provider: 'webgpu',
    because: 'it works, and multiplies matrices 20 times as fast as the CPU',
  });
});

test('"auto" leaves what is slower than the CPU: a software adapter', async () => {
  const chosen = await chooseProvider('auto', machine({ cpu: 0.02, webgpu: 2 }), true);
  expect(chosen.provider).toBe('cpu');
  expect(chosen.because).toContain('webgpu takes 100 times as long');
});

test('"auto" stays on the CPU where nothing else works, and says why not', async () => {
  const chosen = await chooseProvider('auto', machine({ cpu: 1 }), true);
  expect(chosen.provider).toBe('cpu');
  expect(chosen.because).toContain('webgpu does not work (No webgpu here.)');
});

test('without a graphics card nothing is tried', async () => {
  const tryNothing = () => expect.fail('tried');
  expect(await chooseProvider('auto', tryNothing, false)).toMatchObject({ provider: 'cpu' });
});

test('a name is taken literally, untried', async () => {
  const tryNothing = () => expect.fail('tried');
  expect(await chooseProvider('cuda', tryNothing, true)).toMatchObject({ provider: 'cuda' });
});

test('every provider that exists on a system has something to do for it, and the others say where they exist', () => {
  expect(installStep('webgpu', 'linux')).toContain('Vulkan');
  expect(installStep('cuda', 'linux')).toContain('ONNXRUNTIME_NODE_INSTALL=cuda12');
  expect(installStep('cuda', 'win32')).toContain('dml');
  expect(installStep('dml', 'linux')).toContain('Windows only');
  expect(installStep('coreml', 'win32')).toContain('macOS only');
});

// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, expect, test } from 'vitest';
import { nextTick } from 'vue';
import { Txt2ImgRequest } from '@atelier/sdk/contracts';
import { useRequestStore } from '../../../../../frontend/src/features/txt2img/request-store.js';
import { useCatalogueStore } from '../../../../../frontend/src/shell/catalogue-store.js';

const nothing = { samplers: [], schedulers: [], checkpoints: [], vaes: [], textEncoders: [], embeddings: [], extensions: [], tabs: [] };
const sampler = {
  id: 'euler-ancestral',
  label: 'Euler a',
  aliases: ['k_euler_a'],
  options: {},
  callsPerStep: 1,
  order: 1,
  minSteps: 1,
  defaultScheduler: null,
  ignoresScheduler: false,
  suits: [],
  extension: null,
};
const checkpoint = {
  name: 'starter',
  file: '/starter.safetensors',
  sizeBytes: 1,
  family: 'sd15',
  label: 'Stable Diffusion 1',
  prediction: 'eps' as const,
  latentChannels: 4,
  beside: null,
  takesGuidance: false,
  recommended: {},
  parts: [],
  missing: [],
  automaticVae: null,
  description: null,
  previewFile: null,
  previewUrl: null,
  sha256: null,
  shortHash: null,
  problem: null,
  notes: [],
};

beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
});

test('the form survives a reload', async () => {
  useRequestStore().change({ prompt: 'a cat', steps: 33 });
  await nextTick();
  setActivePinia(createPinia());
  expect(useRequestStore().request).toMatchObject({ prompt: 'a cat', steps: 33, width: 256 });
});

test('a remembered value that the schema no longer takes starts at its default, the others stay', () => {
  localStorage.setItem('atelier.txt2img', JSON.stringify({ prompt: 'a cat', steps: 9999, gone: 1 }));
  expect(useRequestStore().request).toEqual(Txt2ImgRequest.parse({ prompt: 'a cat' }));
});

test('something else under the key is no reason to fail', () => {
  localStorage.setItem('atelier.txt2img', '{half');
  expect(useRequestStore().request).toEqual(Txt2ImgRequest.parse({}));
});

test('the parameters of a picture are taken over, a sampler’s old name under its present one', () => {
  useCatalogueStore().receive({ ...nothing, samplers: [sampler] });
  const form = useRequestStore();
  form.take(Txt2ImgRequest.parse({ prompt: 'a dog', sampler: 'k_euler_a', checkpoint: 'elsewhere', seed: 7 }));
  expect(form.request).toMatchObject({ prompt: 'a dog', sampler: 'euler-ancestral', seed: 7, checkpoint: undefined });
});

test('the only checkpoint there is is asked for by name', () => {
  useCatalogueStore().receive({ ...nothing, checkpoints: [checkpoint] });
  expect(useRequestStore().asked()).toMatchObject({ checkpoint: 'starter' });
});

test('of several checkpoints none is picked for people', () => {
  useCatalogueStore().receive({ ...nothing, checkpoints: [checkpoint, { ...checkpoint, name: 'other' }] });
  expect(useRequestStore().asked().checkpoint).toBeUndefined();
});

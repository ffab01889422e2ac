// @vitest-environment happy-dom
import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { nextTick } from 'vue';
import { type Catalogue, Settings } from '@atelier/sdk/contracts';
import { useModelStore } from '../../../../../frontend/src/features/model/model-store.js';
import { usePasteStore } from '../../../../../frontend/src/features/paste/paste-store.js';
import { useRequestStore } from '../../../../../frontend/src/features/txt2img/request-store.js';
import { useCatalogueStore } from '../../../../../frontend/src/shell/catalogue-store.js';
import { useSettingsStore } from '../../../../../frontend/src/shell/settings-store.js';
import { toasts } from '../../../../../sdk/src/ui/controls/toasts.js';

const read = { source: 'a1111', text: '', request: {}, notApplied: [], items: {}, refused: [] };
let answer: object;
let asked: Record<string, unknown>[];

beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
  asked = [];
  vi.stubGlobal('fetch', (path: string, { body }: { body: string }) => {
    const sent = JSON.parse(body) as Record<string, unknown>;
    if (path === '/api/settings') return Promise.resolve(Response.json(Settings.parse(sent)));
    asked.push(sent);
    return Promise.resolve(Response.json({ ...read, ...answer }));
  });
});
afterEach(() => vi.unstubAllGlobals());

test('a dropped picture fills the form and chooses its checkpoint; Undo brings both back', async () => {
  answer = { request: { prompt: 'a cat', steps: 7, checkpoint: 'elsewhere' } };
  const form = useRequestStore();
  form.change({ prompt: 'before', batchCount: 3 });
  expect(await usePasteStore().paste(new Blob([Uint8Array.of(1, 2, 3)], { type: 'image/png' }))).toBe(true);
  expect(asked).toEqual([{ picture: 'AQID' }]);
  expect(form.request).toMatchObject({ prompt: 'a cat', steps: 7, batchCount: 3 });
  expect(form.asked().checkpoint).toBe('elsewhere');

  toasts.value.at(-1)!.undo!();
  await vi.waitFor(() => expect(form.request).toMatchObject({ prompt: 'before', steps: 20 }));
  expect(useSettingsStore().settings.checkpoint).toBeNull();
});

test('the VAE of the picture is taken, not the one that its checkpoint was last used with here', async () => {
  localStorage.setItem('atelier.parts', JSON.stringify({ other: { vae: 'remembered', textEncoders: [] } }));
  useCatalogueStore().receive(twoCheckpoints());
  await useSettingsStore().change({ checkpoint: 'starter' });
  useModelStore();
  answer = { request: { prompt: 'a cat', checkpoint: 'other', vae: 'own' } };
  await usePasteStore().paste('a cat');
  await nextTick();
  expect(useRequestStore().asked()).toMatchObject({ checkpoint: 'other', vae: 'own' });
});

test('what could not be applied is kept with its reason, until the next paste is wholly taken over', async () => {
  const notApplied = [{ name: 'Sampler', value: 'Nope', why: 'There is no such sampler here.' }];
  answer = { request: { prompt: 'a cat' }, notApplied };
  const paste = usePasteStore();
  await paste.paste('a cat\nSteps: 3, Sampler: Nope');
  expect(paste.leftOver).toEqual({ notApplied, refused: [] });
  answer = { request: { prompt: 'a dog' } };
  await paste.paste('a dog');
  expect(paste.leftOver).toBeNull();
});

test('the arrow takes apart the parameters in the prompt, and without them asks the clipboard', async () => {
  answer = { request: { prompt: 'a cat', steps: 3 } };
  vi.stubGlobal('navigator', { clipboard: { readText: () => Promise.resolve('from the clipboard\nSteps: 3') } });
  vi.stubGlobal('isSecureContext', true);
  const paste = usePasteStore();
  useRequestStore().change({ prompt: 'a cat\nSteps: 3, Seed: 1' });
  await paste.pasteIntoPrompt();
  expect(useRequestStore().request.prompt).toBe('a cat');
  await paste.pasteIntoPrompt();
  expect(asked).toEqual([{ text: 'a cat\nSteps: 3, Seed: 1' }, { text: 'from the clipboard\nSteps: 3' }]);
});

test('a clipboard that the browser keeps shut says what to do instead', async () => {
  vi.stubGlobal('isSecureContext', false);
  const paste = usePasteStore();
  expect(await paste.pasteIntoPrompt()).toBe(false);
  expect(paste.error).toMatchObject({ code: 'clipboard-closed', hint: expect.stringContaining('Ctrl+V') as string });
});

test('a picture without parameters leaves the form as it is, and says so', async () => {
  answer = { source: null, request: {} };
  const form = useRequestStore();
  form.change({ prompt: 'before' });
  const paste = usePasteStore();
  expect(await paste.paste(new Blob(['x'], { type: 'image/png' }))).toBe(false);
  expect(paste.error?.code).toBe('no-parameters');
  expect(form.request.prompt).toBe('before');
});

function twoCheckpoints(): Catalogue {
  const entry = {
    file: '/a.safetensors',
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
  return {
    samplers: [],
    schedulers: [],
    checkpoints: [
      { ...entry, name: 'starter' },
      { ...entry, name: 'other' },
    ],
    vaes: [],
    textEncoders: [],
    embeddings: [],
    extensions: [],
    tabs: [],
  };
}

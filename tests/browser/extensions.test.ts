import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTxt2ImgJob } from '@atelier/sdk/contracts';
import { openStudio, promptOf, type Studio } from '../support/page.js';
import { root } from '../support/repository.js';

let studio: Studio;
beforeAll(async () => {
  studio = await openStudio({ extensions: [path.join(root, 'tests/browser/fixtures/broken-tab')] });
});
afterAll(() => studio.close());

test('the prompt history is a tab like ours: it shows what was used and brings it back into the form', async () => {
  const { jobId } = await studio.server.call(createTxt2ImgJob, { prompt: 'a tent and a house by the sea', steps: 1 });
  await studio.server.job(jobId);
  const page = await studio.open();
  await page.getByRole('link', { name: 'Prompt history' }).click();
  await page.getByRole('button', { name: /a tent and a house by the sea/ }).click();
  expect(page.url()).toContain('#/prompt-history');
  await page.getByRole('link', { name: 'txt2img' }).click();
  expect(await promptOf(page).inputValue()).toBe('a tent and a house by the sea');
});

test('a tab that throws names its extension and the error; the rest of the page goes on', async () => {
  const page = await studio.open('/#/broken-tab');
  const note = page.getByRole('alert');
  await note.waitFor();
  expect(await note.innerText()).toMatch(/The list of nothing has no length[\s\S]*Extension “broken-tab”/);
  await page.getByRole('link', { name: 'txt2img' }).click();
  await promptOf(page).waitFor();
});

test('a tab may fill an element by itself, and is told when it closes', async () => {
  const page = await studio.open('/#/mounted-tab');
  await page.getByText('Filled without Vue.').waitFor();
  await page.getByRole('link', { name: 'txt2img' }).click();
  await page.locator('html[data-left=yes]').waitFor();
});

test('a fault in a hook is told on the job and in the Extensions tab, with the time of each hook', async () => {
  const page = await studio.open();
  await promptOf(page).fill('a __nope__ in the rain');
  await page.keyboard.press('Control+Enter');
  const note = page.getByRole('region', { name: 'Result' }).getByRole('alert');
  await note.waitFor();
  expect(await note.innerText()).toMatch(/No wildcard file is called "nope"[\s\S]*prompt-wildcards/);

  await page.getByRole('link', { name: 'Extensions', exact: true }).click();
  const card = page.locator('article', { hasText: 'extensions-builtin/prompt-wildcards' });
  await card.getByRole('alert').first().waitFor();
  expect(await card.innerText()).toContain('No wildcard file is called "nope"');
  await expect.poll(() => card.getByRole('row', { name: /transformPrompt/ }).innerText()).toMatch(/ms/);
});

test('an extension can be disabled and enabled; its tab goes and comes', async () => {
  const page = await studio.open('/#/extensions');
  const tab = page.getByRole('link', { name: 'Prompt history' });
  await tab.waitFor();
  await page.getByRole('switch', { name: 'Enable Prompt history' }).click();
  await tab.waitFor({ state: 'detached' });
  await page.getByRole('switch', { name: 'Enable Prompt history' }).click();
  await tab.waitFor();
});

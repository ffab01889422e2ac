import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTxt2ImgJob } from '@atelier/sdk/contracts';
import { openStudio, promptOf, type Studio } from '../support/page.js';

const made = { prompt: 'a tent by the sea', negativePrompt: 'rain', steps: 3, cfgScale: 4.5, seed: 77, width: 128, height: 192 };
let studio: Studio;
let picture: { bytes: Buffer; parameters: string };

beforeAll(async () => {
  studio = await openStudio();
  const { jobId } = await studio.server.call(createTxt2ImgJob, made);
  const [{ id, parameters }] = (await studio.server.job(jobId)).pictures;
  const file = await fetch(`${studio.server.url}/api/pictures/${id}/file`);
  picture = { bytes: Buffer.from(await file.arrayBuffer()), parameters };
});
afterAll(() => studio.close());

const number = (page: Page, label: string) => page.getByRole('spinbutton', { name: new RegExp(`^${label}`) }).inputValue();

async function expectRestored(page: Page): Promise<void> {
  await expect.poll(() => promptOf(page).inputValue()).toBe(made.prompt);
  expect(await page.getByRole('textbox', { name: 'Negative prompt' }).inputValue()).toBe(made.negativePrompt);
  const labels = { 'Sampling steps': made.steps, 'CFG Scale': made.cfgScale, Seed: made.seed, Width: made.width, Height: made.height };
  for (const [label, value] of Object.entries(labels)) expect(Number(await number(page, label)), label).toBe(value);
}

/** Drops a file, or a text, on an element, as the browser tells the page of it. */
async function drop(page: Page, selector: string, dropped: { png: Buffer } | { text: string }): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ png, text }) => {
      const data = new DataTransfer();
      if (png)
        data.items.add(new File([Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0))], 'picture.png', { type: 'image/png' }));
      else data.setData('text/plain', text);
      return data;
    },
    'png' in dropped ? { png: dropped.png.toString('base64'), text: '' } : { png: '', text: dropped.text },
  );
  await page.dispatchEvent(selector, 'dragover', { dataTransfer: transfer });
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer });
}

test('a picture that is dropped on the page restores every field, and Undo brings the form back', async () => {
  const page = await studio.open('/#/queue');
  await page.getByText(/Ready on/).waitFor();
  await drop(page, 'main', { png: picture.bytes });
  await expectRestored(page);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => promptOf(page).inputValue()).toBe('');
  expect(await number(page, 'Sampling steps')).toBe('20');
});

test('a text that is dropped does the same, and says what could not be applied and why', async () => {
  const page = await studio.open();
  await page.getByText(/Ready on/).waitFor();
  await drop(page, 'main', { text: picture.parameters.replace(/Sampler: [^,]+/, 'Sampler: Sorcery') });
  await expectRestored(page);
  const note = page.getByRole('status', { name: 'What could not be applied' });
  expect(await note.innerText()).toMatch(/Sampler\s+Sorcery\s+There is no such sampler here\./);
  await note.getByRole('button', { name: 'Dismiss' }).click();
  await note.waitFor({ state: 'detached' });
});

test('the arrow beside the prompt takes apart what was pasted into it', async () => {
  const page = await studio.open();
  await promptOf(page).fill(picture.parameters);
  await page.getByRole('button', { name: 'Read generation parameters from prompt or clipboard' }).click();
  await expectRestored(page);
});

test('the PNG Info tab shows a picture with all that its file tells, and sends it to txt2img', async () => {
  const page = await studio.open('/#/png-info');
  await page.getByText('Drop a picture here').waitFor();
  await page.getByText(/Ready on/).waitFor();
  const foreign = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  await drop(page, 'main', { png: foreign });
  await page.getByText('There are no parameters in it.').waitFor();
  expect(await page.getByRole('button', { name: 'Send to txt2img' }).count()).toBe(0);

  await page.getByLabel('Picture', { exact: true }).setInputFiles({ name: 'made.png', mimeType: 'image/png', buffer: picture.bytes });
  await page.getByText('written by A1111').waitFor();
  expect(await page.getByRole('group', { name: 'Parameters of the picture' }).innerText()).toBe(picture.parameters);
  const image = page.getByRole('img', { name: 'The picture that is read' });
  await expect.poll(() => image.evaluate((shown: HTMLImageElement) => shown.naturalHeight)).toBe(made.height);
  await page.getByRole('button', { name: 'Send to txt2img' }).click();
  await expectRestored(page);
});

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeSettings } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { accessibilityFaults, openStudio, promptOf, setNumber, sidewaysOverflow, starterFile, type Studio } from '../support/page.js';
import { readSafetensors, type TensorToWrite, writeSafetensors } from '../support/safetensors-file.js';

let studio: Studio;
const home = mkdtempSync(path.join(os.tmpdir(), 'atelier-models-'));

beforeAll(async () => {
  const checkpoints = modelsFolder('checkpoints');
  symlinkSync(starterFile, path.join(checkpoints, 'atelier-starter.safetensors'));
  await sharp({ create: { width: 64, height: 64, channels: 3, background: 'teal' } })
    .png()
    .toFile(path.join(checkpoints, 'atelier-starter.preview.png'));
  const bare = Object.entries(readSafetensors(wholeFile())).filter(([name]) => name.startsWith('model.diffusion_model.'));
  writeSafetensors(path.join(checkpoints, 'bare-turbo.safetensors'), Object.fromEntries(bare));
  writeSafetensors(path.join(checkpoints, 'flux.safetensors'), fluxDev());
  writeSafetensors(path.join(checkpoints, 'scribble.safetensors'), { scribble: zeros([2]) });
  mkdirSync(path.join(home, 'extensions'));
  studio = await openStudio({ home });
  await chosen('atelier-starter');
});
afterAll(async () => {
  await studio.close();
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

function modelsFolder(name: string): string {
  const folder = path.join(home, 'models', name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A checkpoint in the folder of VAEs: a VAE may lie among other networks, and so may a text encoder. */
function wholeFile(): string {
  return tinyCheckpoint('sd15', { folder: modelsFolder('vae'), name: 'tiny-vae' });
}

/** As much of Flux dev as its family is recognised by. */
function fluxDev(): Record<string, TensorToWrite> {
  return {
    'img_in.weight': zeros([64, 64]),
    'double_blocks.0.img_attn.norm.key_norm.scale': zeros([32]),
    'vector_in.in_layer.weight': zeros([64, 8]),
    'guidance_in.in_layer.weight': zeros([64, 256]),
  };
}

function zeros(shape: number[]): TensorToWrite {
  return { dtype: 'F16', shape, bytes: new Uint16Array(shape.reduce((size, side) => size * side, 1)) };
}

async function chosen(checkpoint: string): Promise<void> {
  await studio.server.call(changeSettings, { checkpoint });
}

const useButton = (page: Page) => page.getByRole('button', { name: /^How the checkpoint is used/ });
const notes = (page: Page) => page.getByRole('region', { name: 'About the checkpoint' });

async function choose(page: Page, field: RegExp | string, option: RegExp | string): Promise<void> {
  await page.getByRole('combobox', { name: field }).click();
  await page.getByRole('option', { name: option }).click();
}

test('VAE, clip skip and precision are chosen beside the checkpoint, and stand in what the picture says of itself', async () => {
  const page = await studio.open();
  await useButton(page).click();
  const panel = page.getByRole('dialog', { name: 'How the checkpoint is used' });
  await panel.getByText(/^Stable Diffusion 1 · \d+ MB/).waitFor();
  await choose(page, /^VAE/, /tiny-vae/);
  await setNumber(page, 'Clip skip', 2);
  await panel.getByRole('radio', { name: 'int8' }).check();
  await page.keyboard.press('Escape');
  expect(await useButton(page).innerText()).toBe('tiny-vae · Clip skip 2 · int8');

  await promptOf(page).fill('a cat');
  await setNumber(page, 'Sampling steps', 2);
  await page.keyboard.press('Control+Enter');
  await page.locator('figure img[src^="/api/pictures/"]').waitFor();
  await page.getByRole('button', { name: 'Parameters', exact: true }).click();
  const said = await page.getByRole('group', { name: 'Parameters of the picture' }).innerText();
  for (const part of [/VAE\s*tiny-vae/, /Clip skip\s*2/, /Precision\s*int8/]) expect(said).toMatch(part);
});

test('a precision that the device does not compute in is not hidden: asked for, the server says why not', async () => {
  const page = await studio.open();
  await useButton(page).click();
  await page.getByRole('radio', { name: 'fp16' }).check();
  await page.keyboard.press('Escape');
  await page
    .getByRole('button', { name: /^Generate/ })
    .first()
    .click();
  const alert = page.getByRole('alert').filter({ hasText: 'fp16' });
  await alert.first().waitFor();
  expect(await alert.first().innerText()).toContain('Ask for "auto" or "fp32"');
});

test('what a checkpoint lacks is named with where to take it from, and goes away once it is there', async () => {
  const page = await studio.open();
  await choose(page, /^Stable Diffusion checkpoint/, /bare-turbo/);
  await notes(page).getByText('“bare-turbo” still needs: VAE. Choose where to take it from.').waitFor();
  await notes(page).getByText('Download clip_l.safetensors into models/text_encoders.').waitFor();
  await notes(page).getByRole('button', { name: 'Use tiny-vae' }).click();
  await notes(page).getByText('still needs: VAE').waitFor({ state: 'detached' });

  copyFileSync(path.join(modelsFolder('vae'), 'tiny-vae.safetensors'), path.join(modelsFolder('text_encoders'), 'tiny-clip.safetensors'));
  await notes(page).getByRole('button', { name: 'Use tiny-clip' }).waitFor(); // noticed by itself, or looked for
  await notes(page).getByRole('button', { name: 'Use tiny-clip' }).click();
  await notes(page).getByText('still needs').waitFor({ state: 'detached' });
  await useButton(page).click();
  expect(await page.getByRole('combobox', { name: /^CLIP-L text encoder/ }).innerText()).toContain('tiny-clip');
  await page.keyboard.press('Escape');

  await choose(page, /^Stable Diffusion checkpoint/, /atelier-starter/);
  await choose(page, /^Stable Diffusion checkpoint/, /bare-turbo/);
  await expect.poll(() => useButton(page).innerText()).toBe('tiny-vae · tiny-clip');
  await chosen('atelier-starter');
});

test('recommended values are offered, taken with one click, taken back with another, and never forced', async () => {
  const page = await studio.open();
  await choose(page, /^Stable Diffusion checkpoint/, /bare-turbo/);
  const steps = page.getByRole('spinbutton', { name: 'Sampling steps' });
  await notes(page).getByText('“bare-turbo” is best used with 512 × 512 · 4 steps · CFG 1 · Euler a · Turbo.').waitFor();
  expect(await steps.inputValue()).toBe('20');
  await notes(page).getByRole('button', { name: 'Use recommended values' }).click();
  await expect.poll(() => steps.inputValue()).toBe('4');
  expect(await page.getByRole('spinbutton', { name: 'Width' }).inputValue()).toBe('512');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => steps.inputValue()).toBe('20');
  expect(await notes(page).getByText('is best used with').count()).toBe(0); // it was answered
  await chosen('atelier-starter');
});

test('samplers and schedules that do not suit the model say so; its own guidance can be set', async () => {
  const page = await studio.open();
  expect(await page.getByRole('spinbutton', { name: 'Distilled CFG Scale' }).count()).toBe(0);
  await page.getByRole('combobox', { name: /^Sampling method/ }).click();
  await page.getByRole('combobox', { name: 'Search' }).fill('ddim');
  await page.getByRole('option', { name: 'DDIM', exact: true }).click();
  await choose(page, /^Stable Diffusion checkpoint/, /flux/);
  await page.getByRole('spinbutton', { name: 'Distilled CFG Scale' }).waitFor();
  await page.getByRole('alert').filter({ hasText: 'Not for Flux dev' }).waitFor();
  await page.getByRole('combobox', { name: /^Sampling method/ }).click();
  expect(await page.getByRole('option', { name: /^DDIM ?Not for Flux dev/ }).getAttribute('aria-disabled')).toBe('true');
  expect(await page.getByRole('option', { name: 'DEIS' }).getAttribute('aria-disabled')).toBeNull();
  await chosen('atelier-starter');
});

test('the picker shows the picture beside a checkpoint, and of one that cannot be used the whole reason', async () => {
  const page = await studio.open('/', { viewport: { width: 700, height: 800 } });
  await page.getByRole('combobox', { name: /^Stable Diffusion checkpoint/ }).click();
  const picture = page.getByRole('option', { name: /atelier-starter/ }).locator('img');
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
  await page.getByRole('option', { name: /scribble/ }).click({ force: true }); // as a finger does, which nothing stops
  await page.getByRole('status').filter({ hasText: 'scribble' }).waitFor();
});

test('the status line says what computes, and why', async () => {
  const page = await studio.open();
  await page.getByText(/^Ready on CPU · fp32$/).waitFor();
  await page
    .locator('footer')
    .getByText(/^because /)
    .waitFor();
});

describe.each(['dark', 'light'] as const)('%s', (colorScheme) => {
  test('what is said of a checkpoint fits on a phone, and axe finds nothing wrong with it', async () => {
    await chosen('flux');
    const page = await studio.open('/', { colorScheme, viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    await notes(page).getByText('still needs').first().waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await useButton(page).tap();
    await page.getByRole('dialog', { name: 'How the checkpoint is used' }).waitFor();
    expect(await sidewaysOverflow(page)).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await chosen('atelier-starter');
  });
});

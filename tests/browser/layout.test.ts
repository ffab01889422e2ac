import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTxt2ImgJob } from '@atelier/sdk/contracts';
import { accessibilityFaults, openStudio, promptOf, sidewaysOverflow, type Studio } from '../support/page.js';

let studio: Studio;
beforeAll(async () => {
  studio = await openStudio();
  await studio.server.job((await studio.server.call(createTxt2ImgJob, { prompt: 'a lighthouse', steps: 2, batchCount: 3 })).jobId);
});
afterAll(() => studio.close());

const phone = (width: number, height = 844) => ({ viewport: { width, height }, isMobile: true, hasTouch: true });
const places = [
  '/#/txt2img',
  '/#/queue',
  '/#/png-info',
  '/#/extensions',
  '/#/prompt-history',
  '/#/txt2img?sheet=parameters',
  '/#/txt2img?sheet=gallery',
];

describe.each([320, 360, 390])('on a phone of %d px', (width) => {
  test.each(places)('%s does not scroll sideways', async (place) => {
    const page = await studio.open(place, phone(width));
    await page.locator('nav.dock').waitFor();
    await page.waitForTimeout(300);
    expect(await sidewaysOverflow(page)).toBe(0);
    await page.context().close();
  });
});

test('on a phone the stage comes first and takes less than half; prompt and Generate stand above the bottom bar', async () => {
  const page = await studio.open('/', phone(390));
  const picture = (await page.locator('figure').boundingBox())!;
  const prompt = (await promptOf(page).boundingBox())!;
  const generate = (await page.getByRole('button', { name: 'Generate', exact: true }).boundingBox())!;
  const dock = (await page.getByRole('navigation', { name: 'Sections' }).boundingBox())!;
  expect(picture.height).toBeLessThanOrEqual(0.45 * 844);
  expect(picture.y + picture.height).toBeLessThanOrEqual(prompt.y);
  expect(prompt.y + prompt.height).toBeLessThanOrEqual(generate.y);
  expect(generate.y + generate.height).toBeLessThanOrEqual(dock.y);
  expect(Math.round(dock.y + dock.height)).toBe(844);
});

test('on a phone every target is at least 44 px', async () => {
  const page = await studio.open('/#/txt2img?sheet=parameters', phone(390));
  await page.getByRole('dialog').waitFor();
  const small = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, a[href], [role=combobox], input:not([type=radio])')]
      .filter((element) => element.checkVisibility() && !element.matches('.ask, .dot, [aria-hidden] *')) // those reach further than they look
      .map(
        (element) =>
          ({ name: element.getAttribute('aria-label') ?? element.innerText, ...element.getBoundingClientRect().toJSON() }) as DOMRect & {
            name: string;
          },
      )
      .filter(({ height }) => height > 0 && height < 43.5)
      .map(({ name, height }) => `${name}: ${height}`),
  );
  expect(small).toEqual([]);
});

test('sheets open from the bottom bar, and Back closes them', async () => {
  const page = await studio.open('/', phone(390));
  for (const [entry, title] of [
    ['Parameters', 'Parameters'],
    ['Queue', 'Queue'],
    ['Gallery', 'History'],
    ['More', 'More'],
  ]) {
    await page.getByRole('link', { name: entry }).tap();
    await page.getByRole('dialog', { name: title }).waitFor();
    await page.goBack();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
});

test('in a middling window the history is a drawer', async () => {
  const page = await studio.open('/', { viewport: { width: 760, height: 900 } });
  expect(await page.getByRole('complementary', { name: 'History' }).count()).toBe(0);
  await page.getByRole('button', { name: 'History' }).click();
  await page.getByRole('dialog', { name: 'History' }).getByRole('link').first().click();
  await expect.poll(() => page.url()).toContain('#/pictures/');
});

test('tabs that do not fit go into a menu', async () => {
  const page = await studio.open('/', { viewport: { width: 700, height: 800 } });
  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Prompt history' }).click();
  await expect.poll(() => page.url()).toContain('#/prompt-history');
});

describe.each(['dark', 'light'] as const)('%s', (colorScheme) => {
  test.each(['/#/txt2img', '/#/queue', '/#/png-info', '/#/extensions', '/#/prompt-history'])(
    'axe finds nothing wrong in %s',
    async (place) => {
      const page = await studio.open(place, { colorScheme });
      await page.getByText(/Ready on/).waitFor();
      await page.waitForTimeout(300);
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.context().close();
    },
  );

  test('axe finds nothing wrong on a phone, with and without a sheet', async () => {
    const page = await studio.open('/', { colorScheme, ...phone(390) });
    await page.locator('figure img').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('link', { name: 'Parameters' }).tap();
    await page.getByRole('dialog').waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.context().close();
  });
});

test('everything can be reached with Tab, and the focus is seen', async () => {
  const page = await studio.open();
  await page.locator('figure img').waitFor();
  const reached = new Set<string>();
  for (let press = 0; press < 60; press++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      if (element === document.body) return { name: 'the end of the page', ring: true };
      const styles = getComputedStyle(element.matches('input[type=radio]') ? element.nextElementSibling! : element);
      const ring = styles.outlineStyle !== 'none' || element.matches('textarea, input[type=range]'); // their frame and their thumb carry it
      return { name: element.getAttribute('aria-label') ?? element.innerText ?? element.tagName, ring };
    });
    expect(focused, focused.name).toMatchObject({ ring: true });
    reached.add(focused.name);
  }
  for (const name of ['Prompt', 'Sampling steps', 'Settings', 'Use these parameters', 'Width of the history', 'Download'])
    expect([...reached]).toContain(name);
});

test('“?” lists the keys, Alt and a digit goes to a tab', async () => {
  const page = await studio.open();
  await page.getByText(/Ready on/).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).getByText('Go to a tab').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Alt+4');
  await expect.poll(() => page.url()).toContain('#/extensions');
});

test('theme and panes are remembered on this device', async () => {
  const page = await studio.open('/', { colorScheme: 'dark' });
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('radio', { name: 'Light' }).check();
  await page.locator('html[data-theme=light]').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('separator', { name: 'Width of the parameters' }).press('ArrowRight');
  await page.reload();
  await page.locator('html[data-theme=light]').waitFor();
  expect(await page.getByRole('separator', { name: 'Width of the parameters' }).getAttribute('aria-valuenow')).toBe('400');
});

test('another language is loaded when it is chosen, for everyone on this server', async () => {
  const page = await studio.open();
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('combobox', { name: /^Localization/ }).click();
  await page.getByRole('option', { name: 'Deutsch' }).click();
  await page.getByRole('button', { name: /^Generieren/ }).waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('de');
  await page.getByRole('combobox', { name: /^Sprache/ }).click();
  await page.getByRole('option', { name: 'English' }).click();
  await page.getByRole('button', { name: /^Generate/ }).waitFor();
});

test('the first tab needs at most 300 KB of compressed JavaScript', async () => {
  const context = await studio.browser.newContext();
  const page = await context.newPage();
  const scripts: Promise<number>[] = [];
  page.on('response', (response) => {
    if (response.request().resourceType() === 'script') scripts.push(response.body().then((body) => gzipSync(body).length));
  });
  await page.goto(studio.server.url);
  await page.getByText(/Ready on/).waitFor();
  const bytes = (await Promise.all(scripts)).reduce((sum, size) => sum + size, 0);
  expect(bytes).toBeLessThan(300 * 1024);
});

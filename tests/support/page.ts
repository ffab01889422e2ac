import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { launchBrowser } from './browser.js';
import { startServer, type ServerWishes, type TestServer } from './start-server.js';
import path from 'node:path';
import { root } from './repository.js';

/** The starter checkpoint: small enough for a picture in seconds, large enough to be watched. */
export const starterFile = path.join(root, 'models/checkpoints/atelier-starter.safetensors');

/** The built page on a real server, and a browser to look at it. */
export interface Studio {
  server: TestServer;
  browser: Browser;
  /** A browser of its own: nothing is shared with the others but the server. Errors in its console fail the test at `close()`. */
  open(address?: string, options?: BrowserContextOptions): Promise<Page>;
  close(): Promise<void>;
}

export async function openStudio(wishes: ServerWishes = {}): Promise<Studio> {
  const server = await startServer({ checkpoints: { 'atelier-starter': starterFile }, ...wishes });
  await server.ready();
  const browser = await launchBrowser();
  return {
    server,
    browser,
    async open(address = '/', options = {}) {
      const context = await browser.newContext({
        viewport: { width: 1440, height: 900 },
        locale: 'en-US',
        reducedMotion: 'reduce',
        ...options,
      });
      context.setDefaultTimeout(20_000);
      const page = await context.newPage();
      await page.goto(server.url + address);
      return page;
    },
    async close() {
      await browser.close();
      await server.kill();
    },
  };
}

/** The prompt of the txt2img form. */
export function promptOf(page: Page): Locator {
  return page.getByRole('textbox', { name: 'Prompt', exact: true });
}

/** The line on the stage that says what is being done, once it says this. */
export function progressOf(page: Page, words: RegExp): Locator {
  return page.locator('figcaption').filter({ hasText: words });
}

/** Sets a number of the form by its label. */
export async function setNumber(page: Page, label: string, value: number): Promise<void> {
  const field = page.getByRole('spinbutton', { name: label });
  await field.fill(String(value));
  await field.press('Enter');
}

/** What axe finds wrong, as sentences; empty when nothing is. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${help}\n${html}\n${failureSummary}`));
}

/** How much wider the page is than its window: 0 means that nothing scrolls sideways. */
export async function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

// A Chromium as root in a container: no sandbox, no shared-memory file system, letters as wide as on any machine.
const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--font-render-hinting=none'];

/**
 * Starts a headless Chromium: the one at CHROME_PATH, else the system's, else an installed Chrome or Edge, else the one
 * inside the npm package @sparticuz/chromium. Nothing is downloaded.
 */
export async function launchBrowser(): Promise<Browser> {
  const named = [process.env.CHROME_PATH, '/usr/bin/chromium'].find((path) => path && existsSync(path));
  if (named) return chromium.launch({ executablePath: named, args });
  for (const channel of ['chrome', 'msedge']) {
    const installed = await chromium.launch({ channel, args }).catch(() => undefined); // not installed: the next one
    if (installed) return installed;
  }
  return chromium.launch({ executablePath: await packagedChromium(), args });
}

/** Unpacks the Chromium of the npm package. It brings its own libraries only where it believes itself on AWS Lambda. */
async function packagedChromium(): Promise<string> {
  process.env.AWS_EXECUTION_ENV = 'AWS_Lambda_nodejs22.x';
  const { default: packaged } = await import('@sparticuz/chromium');
  return packaged.executablePath();
}

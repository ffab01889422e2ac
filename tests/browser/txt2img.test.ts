import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelJob, createTxt2ImgJob, listJobs, listPictures } from '@atelier/sdk/contracts';
import { openStudio, progressOf, promptOf, setNumber, type Studio } from '../support/page.js';

let studio: Studio;
beforeAll(async () => {
  studio = await openStudio();
});
afterAll(() => studio.close());

/** A job that takes some seconds, so that it can be watched. */
const long = { prompt: 'a sailing boat on a pink sea', steps: 150, batchCount: 4, seed: 1 };

async function endAll(): Promise<void> {
  const { jobs } = await studio.server.call(listJobs, {});
  for (const { id, phase } of jobs.filter(({ phase }) => phase === 'queued' || phase === 'running').reverse()) {
    if (phase === 'queued' || phase === 'running') await studio.server.call(cancelJob, { id }).catch(() => undefined); // it ended meanwhile
    await studio.server.job(id);
  }
}

test('from an empty page to a picture: the prompt is counted, progress is shown, the result has its parameters and stays in the history', async () => {
  const page = await studio.open();
  const faults: string[] = [];
  page.on('pageerror', ({ message }) => faults.push(message));
  await page.getByText('Your pictures appear here').waitFor();
  await promptOf(page).fill('a lighthouse on the sea at night');
  await page.getByText('7 / 75').waitFor();
  await setNumber(page, 'Sampling steps', 40);
  await page.keyboard.press('Control+Enter');
  await progressOf(page, /step \d+ \/ 40/).waitFor();
  await page.locator('figure img[src^="blob:"]').waitFor();
  await page.locator('figure img[src^="/api/pictures/"]').waitFor();

  await page.getByRole('button', { name: 'Parameters', exact: true }).click();
  const details = page.getByRole('group', { name: 'Parameters of the picture' });
  expect(await details.innerText()).toMatch(/a lighthouse on the sea at night[\s\S]*Steps\s*40[\s\S]*Seed\s*\d+/);

  await page.reload();
  await page.locator('figure img[src^="/api/pictures/"]').waitFor();
  expect(await page.getByRole('list', { name: 'History' }).getByRole('link').count()).toBe(1);
  expect(await promptOf(page).inputValue()).toBe('a lighthouse on the sea at night');
  expect(faults).toEqual([]);
});

test('a reload in mid-job re-attaches, a second browser shows the same job, and Esc in one cancels it in both', async () => {
  const page = await studio.open();
  await promptOf(page).fill(long.prompt);
  await setNumber(page, 'Sampling steps', long.steps);
  await setNumber(page, 'Batch count', long.batchCount);
  await page.getByRole('button', { name: /^Generate/ }).click();
  await progressOf(page, /Sampling · picture \d of 4/).waitFor();

  await page.reload();
  await progressOf(page, /Sampling · picture \d of 4/).waitFor();
  await page.locator('figure img[src^="blob:"]').waitFor();
  const other = await studio.open('/', { colorScheme: 'light' });
  await progressOf(other, /Sampling · picture \d of 4/).waitFor();
  expect(await other.getByRole('list', { name: 'Pictures of this job' }).getByRole('listitem').count()).toBe(4);
  expect(await other.title()).toMatch(/^\d+ % · Atelier$/);

  await other.locator('body').press('Escape');
  await progressOf(page, /Sampling · picture/).waitFor({ state: 'detached' });
  await progressOf(other, /Sampling · picture/).waitFor({ state: 'detached' });
  await expect.poll(() => page.title()).toBe('Atelier');
});

test('the queue: a job that waits says behind whom, one sent to the front goes first, each can be cancelled', async () => {
  const first = await studio.server.call(createTxt2ImgJob, long);
  const page = await studio.open('/#/queue');
  await studio.server.call(createTxt2ImgJob, { ...long, prompt: 'the second' });
  await page.getByText(/number 2 in the queue · behind “a sailing boat on a pink sea”/).waitFor();
  await page.goto(`${studio.server.url}/#/txt2img`);
  await promptOf(page).fill('the urgent one');
  await page.keyboard.press('Control+Shift+Enter');
  await page.goto(`${studio.server.url}/#/queue`);
  const waiting = page.locator('section', { has: page.getByRole('heading', { name: /^Waiting/ }) });
  await expect
    .poll(() => waiting.locator('article').allInnerTexts())
    .toMatchObject([expect.stringContaining('the urgent one'), expect.stringContaining('the second')]);

  await waiting.locator('article').last().getByRole('button', { name: 'Cancel' }).click();
  await expect.poll(() => waiting.locator('article').count()).toBe(1);
  await page
    .getByRole('link', { name: /a sailing boat/ })
    .first()
    .click();
  await expect.poll(() => page.url()).toContain(`#/jobs/${first.jobId}`);
  await endAll();
});

test('cancel and keep saves the unfinished picture; skip goes on with the next one', async () => {
  const page = await studio.open();
  const { total: before } = await studio.server.call(listPictures, {});
  const { jobId } = await studio.server.call(createTxt2ImgJob, { ...long, prompt: 'kept half way' });
  await progressOf(page, /step \d+ \/ 150/).waitFor();
  await page.getByRole('button', { name: 'Skip' }).click();
  await progressOf(page, /picture 2 of 4/).waitFor();
  await progressOf(page, /step [1-9]\d* \/ 150/).waitFor(); // before the first one there is nothing to keep
  await page.getByRole('button', { name: 'More ways to end the job' }).click();
  await page.getByRole('menuitem', { name: /Cancel and keep/ }).click();
  const job = await studio.server.job(jobId);
  expect(job.phase).toBe('cancelled');
  expect((await studio.server.call(listPictures, {})).total).toBe(before + 1);
});

test('a link opens a picture on another device; J and K walk through the history, Back works, its parameters go back into the form', async () => {
  for (const prompt of ['one', 'two'])
    await studio.server.job((await studio.server.call(createTxt2ImgJob, { prompt, steps: 2, seed: 5 })).jobId);
  const { pictures } = await studio.server.call(listPictures, {});
  const page = await studio.open(`/#/pictures/${pictures[0].id}`);
  await page.locator(`figure img[src*="${pictures[0].id}"]`).waitFor();
  await page.getByRole('list', { name: 'History' }).getByRole('link').first().waitFor();
  await page.keyboard.press('j');
  await page.locator(`figure img[src*="${pictures[1].id}"]`).waitFor();
  await page.goBack();
  await page.locator(`figure img[src*="${pictures[0].id}"]`).waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.locator(`figure img[src*="${pictures[0].id}"]`).waitFor();

  await page.getByRole('button', { name: 'Use these parameters' }).click();
  expect(await promptOf(page).inputValue()).toBe('two');
  expect(await page.getByRole('spinbutton', { name: 'Seed' }).inputValue()).toBe('5');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => promptOf(page).inputValue()).toBe('');

  await page.goto(`${studio.server.url}/#/pictures/nowhere`);
  await page.getByRole('alert').first().waitFor();
});

test('Generate forever goes on until it is stopped', async () => {
  const page = await studio.open();
  const { total: before } = await studio.server.call(listPictures, {});
  await promptOf(page).fill('a red diamond');
  await setNumber(page, 'Sampling steps', 1);
  await page.getByRole('button', { name: 'More ways to generate' }).click();
  await page.getByRole('menuitem', { name: /Generate forever/ }).click();
  await expect.poll(async () => (await studio.server.call(listPictures, {})).total, { timeout: 20_000 }).toBeGreaterThan(before + 2);
  await page.getByRole('button', { name: 'Cancel generate forever' }).click();
  await page.getByText('Generating forever').waitFor({ state: 'detached' });
  await endAll();
});

test('a refused request says why beside the button, and the page goes on', async () => {
  const page = await studio.open();
  await page.evaluate(() => localStorage.setItem('atelier.txt2img', JSON.stringify({ prompt: 'a cat', sampler: 'unheard-of' })));
  await page.reload();
  await page.getByRole('button', { name: /^Generate Ctrl/ }).click();
  const note = page.getByRole('alert').filter({ hasText: 'unheard-of' });
  await note.waitFor();
  expect(await note.innerText()).toContain('sampler');
});

test('when the engine dies the page says what happened, and the next picture is made', async () => {
  const page = await studio.open();
  await page.getByText(/Ready on/).waitFor();
  process.kill(studio.server.children().engine, 'SIGKILL');
  await page.locator('.incident').waitFor();
  await page.getByText(/Ready on/).waitFor();
  await page.locator('.incident').getByRole('button', { name: 'Dismiss' }).click();
  await page.locator('.incident').waitFor({ state: 'detached' });
  const { jobId } = await studio.server.call(createTxt2ImgJob, { prompt: 'after the fall', steps: 1 });
  expect((await studio.server.job(jobId)).phase).toBe('done');
});

test('an idle page asks nothing: the socket tells', async () => {
  const page = await studio.open();
  await page.getByText(/Ready on/).waitFor();
  await page.waitForTimeout(1000);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.waitForTimeout(3000);
  expect(asked).toEqual([]);
});

import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from '@atelier/sdk';

export const Entry = z.object({ prompt: z.string(), negativePrompt: z.string(), usedAt: z.iso.datetime() });
export type Entry = z.infer<typeof Entry>;

/** Older prompts are forgotten when the extension starts. */
const KEPT = 2000;

/** A file with one entry a line, the latest last. */
const fileIn = (folder: string): string => path.join(folder, 'history.jsonl');

/** Makes sure that the file is there, bounded, and readable line by line. Returns how many lines were not. */
export async function openHistory(folder: string): Promise<number> {
  await appendFile(fileIn(folder), ''); // the file exists from now on
  const lines = await linesIn(folder);
  const readable = lines.filter(isEntry);
  if (readable.length < lines.length || lines.length > KEPT) await write(folder, readable.slice(-KEPT));
  return lines.length - readable.length;
}

export async function remember(folder: string, entry: Entry): Promise<void> {
  await appendFile(fileIn(folder), `${JSON.stringify(entry)}\n`);
}

/** Every entry, the latest first. */
export async function entriesIn(folder: string): Promise<Entry[]> {
  return (await linesIn(folder)).reverse().map(read);
}

export async function latestIn(folder: string): Promise<Entry | undefined> {
  const last = (await linesIn(folder)).at(-1);
  return last === undefined ? undefined : read(last);
}

function read(line: string): Entry {
  return Entry.parse(JSON.parse(line));
}

export async function forgetAll(folder: string): Promise<void> {
  await write(folder, []);
}

async function linesIn(folder: string): Promise<string[]> {
  return (await readFile(fileIn(folder), 'utf8')).split('\n').filter(Boolean);
}

async function write(folder: string, lines: readonly string[]): Promise<void> {
  const draft = `${fileIn(folder)}.new`;
  await writeFile(draft, lines.map((line) => `${line}\n`).join(''));
  await rename(draft, fileIn(folder));
}

/** Whether a line is whole: the last one may not be, after a crash. */
function isEntry(line: string): boolean {
  try {
    return Entry.safeParse(JSON.parse(line)).success;
  } catch {
    return false; // counted by the caller, and shown
  }
}

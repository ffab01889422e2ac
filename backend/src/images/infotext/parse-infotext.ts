import { SPACE, WORD } from '../../prompt/character-classes.js';
import { unquoted } from './quote.js';

/** The text inside a picture, taken apart: both prompts and what the last line says. */
export interface Infotext {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Names in their order; of a name that is there twice, the last value. */
  readonly entries: ReadonlyMap<string, string>;
}

/** So many `Name: value` pairs make the last line one of parameters; with fewer it belongs to the prompt. */
const FEWEST_PAIRS = 3;

const NEGATIVE = 'Negative prompt:';

const space = new RegExp(`[${SPACE}]`, 'u');
const nameCharacters = new RegExp(`[${WORD} /-]+`, 'gu');
const nameStart = new RegExp(`[${WORD}]`, 'u');
const leadingSpace = new RegExp(`[${SPACE}]*`, 'uy');
/** Ends at the first quote without a backslash, and counts only when a comma or the end follows. */
const quotedValue = /"(?:\\[^\n]|[^\\"])+"(?=,|$)/uy;
const plainValue = /[^,]*/uy;

/**
 * Reads what A1111, Forge and their kin write, by their rules: lines before the last are prompts, the second one from
 * `Negative prompt:` on. Takes any text, in time proportional to its length.
 */
export function parseInfotext(text: string): Infotext {
  const lines = stripped(text).split('\n');
  const pairs = [...pairsOf(lines.at(-1) ?? '')];
  const isParameterLine = pairs.length >= FEWEST_PAIRS;
  const written = (isParameterLine ? lines.slice(0, -1) : lines).map(stripped);
  return { ...promptsOf(written), entries: isParameterLine ? entriesOf(repairedForFlux(lines.at(-1) ?? '', pairs)) : new Map() };
}

function promptsOf(lines: readonly string[]): { prompt: string; negativePrompt: string } {
  const prompts: [string[], string[]] = [[], []];
  let isNegative = false;
  for (const line of lines) {
    const beginsNegative = line.startsWith(NEGATIVE);
    isNegative ||= beginsNegative;
    const part = prompts[isNegative ? 1 : 0];
    // an empty beginning does not count as a line, as in A1111
    if (part.length === 1 && part[0] === '') part.pop();
    part.push(beginsNegative ? stripped(line.slice(NEGATIVE.length)) : line);
  }
  const [prompt, negativePrompt] = prompts.map((part) => part.join('\n'));
  return { prompt, negativePrompt };
}

/** `Name: value` pairs of a line, values as they stand. A name has two characters at least. */
function* pairsOf(line: string): Generator<[name: string, value: string]> {
  const names = new RegExp(nameCharacters); // with a place of its own
  for (let run = names.exec(line); run; run = names.exec(line)) {
    const end = names.lastIndex;
    const name = run[0].slice(run[0].search(nameStart));
    if (line[end] !== ':' || !nameStart.test(name) || [...name].length < 2) continue;
    const start = end + 1 + matchAt(leadingSpace, line, end + 1).length;
    const value = matchAt(quotedValue, line, start) || matchAt(plainValue, line, start);
    yield [name, value];
    names.lastIndex = start + value.length + 1;
  }
}

/** What a sticky pattern finds at that place; nothing is an empty text. */
function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** A size becomes two entries, `Size-1` and `Size-2`. A name without a value says nothing. */
function entriesOf(pairs: Iterable<[string, string]>): Map<string, string> {
  const entries = new Map<string, string>();
  for (const [name, raw] of pairs) {
    if (raw === '') continue;
    const value = unquoted(raw);
    const [, width, height] = /^(\p{Nd}+)x(\p{Nd}+)$/u.exec(value) ?? [];
    if (width === undefined) entries.set(name, value);
    else entries.set(`${name}-1`, width).set(`${name}-2`, height);
  }
  return entries;
}

/** Civitai wrote parameters of Flux that no program would: its guidance as CFG scale, "Undefined" as sampler. As Forge mends it. */
function repairedForFlux(line: string, pairs: readonly [string, string][]): Iterable<[string, string]> {
  if (!line.includes('Civitai') || !line.includes('FLUX')) return pairs;
  const mended = line
    .replaceAll(/Clip skip: [0-8](?:, )?/g, '')
    .replaceAll('Sampler: Undefined', 'Sampler: Euler, Schedule type: Simple')
    .replaceAll('CFG scale: ', 'CFG scale: 1, Distilled CFG Scale: ');
  return pairsOf(mended);
}

/** Without Python's white space at both ends. */
function stripped(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && space.test(text[start])) start++;
  while (start < end && space.test(text[end - 1])) end--;
  return text.slice(start, end);
}

import { AppError } from '@atelier/sdk';
import { SPACE, WORD } from './character-classes.js';

/**
 * What becomes of the weights: `Original` multiplies and keeps the mean, `No norm` multiplies, `Ignore` reads the
 * brackets and drops the weights, `None` takes brackets and BREAK for plain text. The names are those in infotexts.
 */
export const emphasisModes = ['Original', 'No norm', 'Ignore', 'None'] as const;
export type EmphasisMode = (typeof emphasisModes)[number];

/** A piece of a prompt and how strongly it counts; 1 is as written. */
export interface WeightedText {
  readonly text: string;
  readonly weight: number;
}

/** `(a:1.2.3)`: the weight is made of digits and dots, and is no number. */
export class EmphasisNotANumber extends AppError {
  readonly code = 'emphasis-not-a-number';
  constructor(weight: string) {
    super(
      `"${weight}" is not a number, so it cannot be the weight of a part of the prompt.`,
      'Write a weight like 1.2, as in (cat:1.2), or \\(…\\) for plain brackets.',
    );
  }
}

const ROUND_FACTOR = 1.1;
const SQUARE_FACTOR = 1 / 1.1;

/** Escaped sign, bracket, closing weight, plain text: one after another they cover any prompt. */
const tokenPattern = new RegExp(`\\\\[()[\\]\\\\]?|[([]|:[${SPACE}]*([+-]?[.\\p{Nd}]+)[${SPACE}]*\\)|[)\\]]|[^\\\\()[\\]:]+|:`, 'gu');

const breakWord = new RegExp(`(?<![${WORD}])BREAK(?![${WORD}])`, 'u');
const BREAK: WeightedText = { text: 'BREAK', weight: -1 };

/** Whether this piece is the word BREAK that starts a new chunk. Inside brackets, which change its weight, it is a plain word. */
export function isBreak({ text, weight }: WeightedText): boolean {
  return text === BREAK.text && weight === BREAK.weight;
}

/**
 * Reads A1111's attention grammar: `(a)` × 1.1, `[a]` ÷ 1.1, `(a:1.2)` × 1.2, nested ones multiplied; `\(` is a plain
 * bracket; brackets left open reach to the end; BREAK is a piece of its own. Neighbours of equal weight are joined, and
 * there is always at least one piece.
 *
 * @throws EmphasisNotANumber
 */
export function parseEmphasis(prompt: string): WeightedText[] {
  const pieces: { text: string; weight: number }[] = [];
  const [round, square] = [new Brackets(), new Brackets()];
  for (const [token, weight] of prompt.matchAll(tokenPattern)) {
    if (token.startsWith('\\')) pieces.push({ text: token.slice(1), weight: 1 });
    else if (token === '(') round.open(pieces.length);
    else if (token === '[') square.open(pieces.length);
    else if (weight !== undefined && round.areOpen) round.close(pieces.length, weightOf(weight));
    else if (token === ')' && round.areOpen) round.close(pieces.length, ROUND_FACTOR);
    else if (token === ']' && square.areOpen) square.close(pieces.length, SQUARE_FACTOR);
    else pieces.push(...splitAtBreaks(token));
  }
  round.multiply(pieces, ROUND_FACTOR);
  square.multiply(pieces, SQUARE_FACTOR);
  return joinEqual(pieces);
}

/** Brackets of one kind and the pieces that each of them holds. Taken together at the end, they cost time in proportion to their number, however deep they are. */
class Brackets {
  private readonly opened: number[] = [];
  private readonly closed: { start: number; end: number; factor: number }[] = [];

  get areOpen(): boolean {
    return this.opened.length > 0;
  }

  open(start: number): void {
    this.opened.push(start);
  }

  close(end: number, factor: number): void {
    this.closed.push({ start: this.opened.pop() as number, end, factor });
  }

  /** Multiplies each piece's weight by the factors of all brackets around it. Those left open reach to the end. */
  multiply(pieces: { weight: number }[], factorOfOpen: number): void {
    while (this.areOpen) this.close(pieces.length, factorOfOpen);
    const outerFirst = this.closed.toSorted((a, b) => a.start - b.start || b.end - a.end);
    const around: { end: number; factor: number }[] = [];
    let next = 0;
    for (const [i, piece] of pieces.entries()) {
      while (around.length > 0 && around.at(-1)!.end <= i) around.pop();
      for (; next < outerFirst.length && outerFirst[next].start <= i; next++) {
        const { end, factor } = outerFirst[next];
        if (end > i) around.push({ end, factor: factor * (around.at(-1)?.factor ?? 1) });
      }
      piece.weight *= around.at(-1)?.factor ?? 1;
    }
  }
}

/** The plain texts around each BREAK, without the white space next to it. */
function splitAtBreaks(text: string): WeightedText[] {
  const parts = text.split(breakWord);
  return parts.flatMap((part, i) => {
    const start = i > 0 ? skipSpace(part) : 0;
    const end = i < parts.length - 1 ? skipSpaceBack(part, start) : part.length;
    const piece = { text: part.slice(start, end), weight: 1 };
    return i > 0 ? [{ ...BREAK }, piece] : [piece];
  });
}

const space = new RegExp(`[${SPACE}]`);

function skipSpace(text: string): number {
  let at = 0;
  while (at < text.length && space.test(text[at])) at++;
  return at;
}

function skipSpaceBack(text: string, from: number): number {
  let at = text.length;
  while (at > from && space.test(text[at - 1])) at--;
  return at;
}

function joinEqual(pieces: readonly WeightedText[]): WeightedText[] {
  const joined: { text: string; weight: number }[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last && last.weight === piece.weight) last.text += piece.text;
    else joined.push({ ...piece });
  }
  return joined.length > 0 ? joined : [{ text: '', weight: 1 }];
}

/** The number that digits of any script write. */
function weightOf(written: string): number {
  const value = Number(written.replace(/\p{Nd}/gu, (digit) => String(valueOfDigit(digit))));
  if (Number.isNaN(value)) throw new EmphasisNotANumber(written);
  return value;
}

/** Unicode keeps the ten digits of a script together, zero first, and nothing that is a digit before them but whole tens. */
function valueOfDigit(digit: string): number {
  const codePoint = digit.codePointAt(0) as number;
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(codePoint - before - 1))) before++;
  return before % 10;
}

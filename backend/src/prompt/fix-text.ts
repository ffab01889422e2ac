import { readAsWindows1252 } from './code-pages.js';
import { htmlEntities } from './html-entities.js';
import { MAX_ROUNDS, repairMojibake } from './mojibake.js';

/**
 * Cleans text the way CLIP's training texts were cleaned: what ftfy 6.3's `fix_text` does with its defaults (HTML
 * references, mojibake, ligatures, wide and narrow forms, quotes, line breaks, lone surrogates, terminal colours,
 * control characters, Unicode form C). Each line is judged by itself.
 */
export function fixText(text: string): string {
  // a "<" says that this is HTML source from here on, in which references are meant to stay
  const htmlFrom = text.indexOf('<');
  const htmlLine = htmlFrom < 0 ? text.length : text.lastIndexOf('\n', htmlFrom) + 1;
  let fixed = '';
  for (let from = 0; from < text.length;) {
    const lineEnd = text.indexOf('\n', from) + 1;
    const to = lineEnd > 0 ? lineEnd : text.length;
    fixed += fixLine(text.slice(from, to), { unescapeHtml: from < htmlLine });
    from = to;
  }
  return fixed;
}

function fixLine(line: string, { unescapeHtml }: { unescapeHtml: boolean }): string {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = line;
    if (unescapeHtml) line = line.replace(/&#?[0-9A-Za-z]{1,24};/g, unescapeReference);
    line = repairMojibake(line)
      .replace(/[\x80-\x9f]/g, readAsWindows1252)
      .replace(ligature, (character) => ligatures[character])
      .replace(/[\u3000\uff01-\uffef]/g, (character) => character.normalize('NFKC'))
      .replace(/[\u201c-\u201f]/g, '"')
      .replace(/[\u02bc\u2018-\u201b]/g, "'")
      .replace(/\r\n?|[\u2028\u2029\x85]/g, '\n')
      .replace(/\p{Surrogate}/gu, '\ufffd')
      .replace(/\x1b\[[\p{Nd};]*[a-zA-Z]/gu, '')
      .replace(unintended, '')
      .normalize('NFC');
    if (line === before) break;
  }
  return line;
}

/**
 * Control characters without a meaning in a line of text, the deprecated Arabic ones, annotation marks and the byte order
 * mark. Joiners, direction marks and the tags of flag emoji stay: they change what one sees.
 */
const unintended = /[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;

/** Typographic ligatures, and digraphs that exist only for the sake of old character sets. Letters such as æ are meant. */
const ligatures: Readonly<Record<string, string>> = {
  Ĳ: 'IJ',
  ĳ: 'ij',
  ŉ: 'ʼn',
  Ǳ: 'DZ',
  ǲ: 'Dz',
  ǳ: 'dz',
  Ǆ: 'DŽ',
  ǅ: 'Dž',
  ǆ: 'dž',
  Ǉ: 'LJ',
  ǈ: 'Lj',
  ǉ: 'lj',
  Ǌ: 'NJ',
  ǋ: 'Nj',
  ǌ: 'nj',
  ﬀ: 'ff',
  ﬁ: 'fi',
  ﬂ: 'fl',
  ﬃ: 'ffi',
  ﬄ: 'ffl',
  ﬅ: 'ſt',
  ﬆ: 'st',
};
const ligature = new RegExp(`[${Object.keys(ligatures).join('')}]`, 'g');

/** The text of one reference with its semicolon, or the reference itself when it means nothing. */
function unescapeReference(reference: string): string {
  const number = /^&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));$/.exec(reference);
  if (!number) return htmlEntities().get(reference.slice(1, -1)) ?? reference;
  const [, hex, decimal] = number;
  const text = textOfNumber(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  return text === ';' ? reference : text; // ftfy takes a semicolon that is left for a reference half read
}

/** The text of a numeric reference, by the rules of HTML: C1 as Windows-1252, nothing for what is no character. */
function textOfNumber(codePoint: number): string {
  if (codePoint === 0 || codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) return '\ufffd';
  if (codePoint === 0x0d) return '\r';
  if (codePoint >= 0x80 && codePoint <= 0x9f) return readAsWindows1252(String.fromCharCode(codePoint));
  const isControl = (codePoint < 0x20 && ![0x09, 0x0a, 0x0c].includes(codePoint)) || codePoint === 0x7f;
  const isNoncharacter = (codePoint >= 0xfdd0 && codePoint <= 0xfdef) || (codePoint & 0xfffe) === 0xfffe;
  return isControl || isNoncharacter ? '' : String.fromCodePoint(codePoint);
}

import { charactersOfBytes, codePages, decodeUtf8, encodeWith, readAsWindows1252 } from './code-pages.js';
import { SPACE, WORD } from './character-classes.js';

/*
 * Mojibake is text that was written as UTF-8 and read in another character set: "cafÃ©", "donâ€™t". What counts as
 * mojibake, and the order of repairs, are those of ftfy 6.3 (Robyn Speer, https://ftfy.readthedocs.io), because CLIP
 * was trained on text that had gone through it.
 */

/** The characters that mojibake is made of, by what they are good for in honest text. Contents of a regular expression's [ ]. */
const common = '\\xa0\\xad´·–—―’…';
const control = '\\x80-\\x9f';
const bad = '¤¦¨ª¬¯¸ºƒˆˇ˘˛˜†‡‰⌐◊\\ufffd'; // hardly ever meant
const law = '§¶';
const currency = '¢£¥₧€';
const opening = '¡©«¿΄΅‘‚“„•‹\\uf8ff';
const closing = '®»˝”›™';
const numeric = '±²³µ¹¼½¾×÷⁄№∂∆∏∑√∞∩∫≈≠≡≤≥';
const kaomoji = '°Ò-ÖÙ-Üò-öø-üŌŐŪŲ'; // letters that faces are drawn with
const upperAccented = 'À-ÑØÜÝĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĻĽŁŃŅŇŒŘŚŞŠŢŤŮŰŸŹŻŽҐ';
const lowerAccented = 'ß-ñüāăąćčďđēėęěğģīįķĺļľłœŕśşšťźżžґﬁﬂ';
const upperCommon = 'ÞΆΈΉΊΌΎΏΑ-ΫЁ-Я'; // Greek and Cyrillic, at home at the ends of words
const lowerCommon = 'ά-ωа-џ';
const box = '│┌┐┘├┤┬┼═-╬▀▄█▌▐-▓';

const accented = lowerAccented + upperAccented;
const notByItself = accented + box + opening + closing + currency + numeric + law;
const arabicSecond = `${common}${currency}${bad}${numeric}${opening}ŸŠ®°µ»`;
const cyrillicSecond = `${control}${bad}${opening}${closing}${currency}°`;

/** Neighbours that nobody writes: each row is a run of sets, one character out of each. */
const unlikelyNeighbours = [
  [control],
  [bad + notByItself, bad],
  ['a-zA-Z', lowerCommon + upperCommon, bad],
  [bad, notByItself],
  [lowerAccented + lowerCommon + box + closing + currency + numeric, upperAccented],
  [box + closing + currency + numeric, lowerAccented],
  [lowerAccented + box + closing, currency],
  [SPACE, upperAccented, currency],
  [upperAccented + box, numeric + law],
  [accented + box + currency + closing, opening, numeric],
  [accented + currency + numeric + box + law, closing, opening],
  [currency + numeric + box, opening],
  ['a-z', upperAccented, opening + currency],
  [box, kaomoji],
  [accented + currency + numeric + opening + closing + law, box],
  [box, closing],
  [accented, opening + closing, WORD],
  ['Œœ', '^A-Za-z'], // the ligature œ stands before a plain letter
  [upperAccented, '°'],
  ['ÂÃÎÐ', `€œŠš¢£Ÿž\\xa0\\xad®©°·»${opening}${closing}–—´`], // Windows-1252, two characters
  ['×', '²³'],
  ['ØÙ', arabicSecond, 'ØÙ', arabicSecond], // Arabic in Windows-1252
  ['à', '²µ¹¼½¾'], // scripts of South Asia
  ['√', '±∂†≠®™´≤≥¥µø'], // Mac Roman, four rows
  ['≈', '°¢'],
  ['‚', 'Ä', 'ìîïòôúùû†°¢π'],
  ['‚', 'âó', 'àä°ê'],
  ['в', 'Ђ'], // U+2000 and up in Windows-1251
  ['ВГРС', `${cyrillicSecond}µ`, 'ВГРС'], // Latin-1 and Cyrillic in Windows-1251
  ['Г', 'ў', 'В', 'Ђ', 'В', '^\\n', 'A-Za-z '], // Windows-1252 in Latin-1 in Windows-1251
  ['Ã', '\\xa0¡'],
  [`a-z.,?!${closing}`, 'Â', ` ${opening}${closing}`],
  ['β', '€', '™\\xa0Ά\\xad®°'], // Windows-1253, two rows
  ['ΒΓΞΟ', cyrillicSecond, 'ΒΓΞΟ'],
  ['ā', '€'], // Windows-1257
];

const mojibake = new RegExp(
  [...unlikelyNeighbours.map((sets) => sets.map((set) => `[${set}]`).join('')), `[a-z][${SPACE}]?[ÃÂ] `, '^[ÃÂ] '].join('|'),
  'u',
);

/** Whether some of the text is probably mojibake. */
export function looksLikeMojibake(text: string): boolean {
  return mojibake.test(text);
}

/** What the first byte of a UTF-8 sequence (by its length) and the bytes after it may have been turned into. */
const oneOf = (characters: Iterable<string>) => `[${[...characters].join('')}]`;
const firstOfTwo = oneOf(charactersOfBytes(0xc2, 0xdf));
const firstOfThree = oneOf(charactersOfBytes(0xe0, 0xef));
const firstOfFour = oneOf([...charactersOfBytes(0xf0, 0xf0), ...charactersOfBytes(0xf3, 0xf3)]);
const following = charactersOfBytes(0x80, 0xbf);
const next = oneOf([...following, ' ']); // a plain space may stand for a no-break one
const followingOnly = oneOf([...following].filter((character) => !'–—―‘’‚“”„•…'.includes(character)));

/** Runs of characters that read like UTF-8 sequences and do not begin inside a larger garble. */
const embedded = new RegExp(`(?<!${followingOnly})(?:${firstOfTwo}${next}|${firstOfThree}${next}{2}|${firstOfFour}${next}{3})+`, 'gu');

/** UTF-8 sequences in which the byte A0 (in Latin-1 a no-break space) became a plain space. */
const spacedSequence =
  /[\xc2\xc3\xc5\xce\xd0\xd9] |[\xe2\xe3] [\x80-\x84\x86-\x9f\xa1-\xbf]|[\xe0-\xe3][\x80-\x84\x86-\x9f\xa1-\xbf] |\xf0 [\x80-\xbf][\x80-\xbf]|\xf0[\x80-\xbf] [\x80-\xbf]|\xf0[\x80-\xbf][\x80-\xbf] /g;

/** "Ã la" is "à la", and not "àla": the word's own space stays, except in the Portuguese words that begin with à. */
const aGraveWord = /\xc3 (?! |quele|quela|quilo|s )/g;

/** UTF-8 sequences of which bytes are lost: 1A stands for one that was replaced by U+FFFD, at most one by a question mark. */
const lossySequence = new RegExp(
  [
    '[\\xc2-\\xdf]\\x1a',
    '[\\xc2\\xc3]\\?',
    '\\xed[\\xa0-\\xaf][\\x1a?]\\xed[\\xb0-\\xbf][\\x1a?\\x80-\\xbf]',
    '\\xed[\\xa0-\\xaf][\\x1a?\\x80-\\xbf]\\xed[\\xb0-\\xbf][\\x1a?]',
    ...lossyRuns('[\\xe0-\\xef]', 2),
    ...lossyRuns('[\\xf0-\\xf4]', 3),
    '\\x1a',
  ].join('|'),
  'g',
);

function lossyRuns(first: string, count: number): string[] {
  return Array.from({ length: count }, (_, lost) =>
    [first, ...Array.from({ length: count }, (_, i) => (i === lost ? '[\\x1a?]' : '[\\x1a\\x80-\\xbf]'))].join(''),
  );
}

const UTF8_REPLACEMENT = '\xef\xbf\xbd';

/** Repairs feed each other ("&amp;amp;", mojibake of mojibake). Real text needs two or three rounds; more is made up to waste time. */
export const MAX_ROUNDS = 32;

/** Undoes wrong decodings until nothing looks wrong any more or nothing helps. */
export function repairMojibake(text: string): string {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const repaired = repairOnce(text);
    if (repaired === text) break;
    text = repaired;
  }
  return text;
}

function repairOnce(text: string): string {
  if (!looksLikeMojibake(text)) return text;
  return decodeWhole(text) ?? decodeEmbedded(text) ?? text.replace(/[\x80-\x9f]/g, readAsWindows1252);
}

/** Reads the whole text back through one code page, the first by which it becomes UTF-8. */
function decodeWhole(text: string): string | undefined {
  for (const page of codePages) {
    let bytes = encodeWith(page, text);
    if (bytes === undefined) continue;
    // in Mac Roman a dash before a space looks like such a sequence
    if (page.name !== 'macroman' && bytes.search(spacedSequence) >= 0) {
      bytes = bytes.replace(aGraveWord, '\xc3\xa0 ').replace(spacedSequence, (sequence) => sequence.replaceAll(' ', '\xa0'));
    }
    if (page.isSloppy) bytes = bytes.replace(lossySequence, UTF8_REPLACEMENT);
    const decoded = decodeUtf8(bytes);
    if (decoded !== undefined) return decoded;
  }
  return undefined;
}

/** Repairs only the runs that read like UTF-8, for text put together from several sources. */
function decodeEmbedded(text: string): string | undefined {
  const repaired = text.replace(embedded, (run) => (run.length < text.length && looksLikeMojibake(run) ? repairMojibake(run) : run));
  return repaired === text ? undefined : repaired;
}

/**
 * A single-byte character set, for undoing a wrong decoding. Bytes are kept as strings of the characters U+0000 to
 * U+00FF ("binary strings"), so that patterns over bytes can be regular expressions.
 */
export interface CodePage {
  readonly name: string;
  /** What the bytes 0x80 to 0xFF mean: 128 characters. */
  readonly upperHalf: string;
  /**
   * Whether bytes that the standard leaves open count as the same byte of Latin-1, and U+FFFD as byte 0x1A: it stands
   * where a stricter program found such a byte.
   */
  readonly isSloppy: boolean;
}

const latin1 = (from: number, to: number) => String.fromCharCode(...Array.from({ length: to - from }, (_, i) => from + i));
const C1_CONTROLS = latin1(0x80, 0xa0);

const windows1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ' + latin1(0xa0, 0x100);

/**
 * The character sets that text meant as UTF-8 is most often read in by mistake, in the order to try them. All nine
 * tables are spelled out because `TextDecoder` differs between Node versions (windows-1252) or lacks them (cp437).
 */
export const codePages: readonly CodePage[] = [
  { name: 'latin-1', isSloppy: false, upperHalf: latin1(0x80, 0x100) },
  { name: 'windows-1252', isSloppy: true, upperHalf: windows1252 },
  {
    name: 'windows-1251',
    isSloppy: true,
    upperHalf:
      'ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\x98™љ›њќћџ\xa0ЎўЈ¤Ґ¦§Ё©Є«¬\xad®Ї°±Ііґµ¶·ё№є»јЅѕї' +
      'АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя',
  },
  {
    name: 'windows-1250',
    isSloppy: true,
    upperHalf:
      '€\x81‚\x83„…†‡\x88‰Š‹ŚŤŽŹ\x90‘’“”•–—\x98™š›śťžź\xa0ˇ˘Ł¤Ą¦§¨©Ş«¬\xad®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż' +
      'ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙',
  },
  {
    name: 'windows-1253',
    isSloppy: true,
    upperHalf:
      '€\x81‚ƒ„…†‡\x88‰\x8a‹\x8c\x8d\x8e\x8f\x90‘’“”•–—\x98™\x9a›\x9c\x9d\x9e\x9f\xa0΅Ά£¤¥¦§¨©ª«¬\xad®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ' +
      'ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ',
  },
  {
    name: 'windows-1254',
    isSloppy: true,
    upperHalf:
      '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8d\x8e\x8f\x90‘’“”•–—˜™š›œ\x9d\x9eŸ\xa0¡¢£¤¥¦§¨©ª«¬\xad®¯°±²³´µ¶·¸¹º»¼½¾¿' +
      'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ',
  },
  {
    name: 'windows-1257',
    isSloppy: true,
    upperHalf:
      '€\x81‚\x83„…†‡\x88‰\x8a‹\x8c¨ˇ¸\x90‘’“”•–—\x98™\x9a›\x9c¯˛\x9f\xa0¡¢£¤¥¦§Ø©Ŗ«¬\xad®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ' +
      'ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙',
  },
  {
    name: 'iso-8859-2',
    isSloppy: false,
    upperHalf: C1_CONTROLS + '\xa0Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\xadŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙',
  },
  {
    name: 'macroman',
    isSloppy: false,
    upperHalf:
      'ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø' +
      '¿¡¬√ƒ≈∆«»…\xa0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ',
  },
  {
    name: 'cp437',
    isSloppy: false,
    upperHalf:
      'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐' +
      '└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\xa0',
  },
];

const byteTables = new Map<CodePage, ReadonlyMap<string, string>>();

/** The bytes that `text` was decoded from if it was decoded with this code page; undefined when it cannot have been. */
export function encodeWith(page: CodePage, text: string): string | undefined {
  let table = byteTables.get(page);
  if (!table) byteTables.set(page, (table = byteTable(page)));
  let bytes = '';
  for (const character of text) {
    const byte = table.get(character);
    if (byte === undefined) return undefined;
    bytes += byte;
  }
  return bytes;
}

function byteTable({ upperHalf, isSloppy }: CodePage): Map<string, string> {
  const table = new Map<string, string>();
  for (let byte = 0; byte < 256; byte++) {
    const character = byte < 0x80 ? String.fromCharCode(byte) : upperHalf[byte - 0x80];
    table.set(isSloppy && byte === 0x1a ? '\ufffd' : character, String.fromCharCode(byte));
  }
  return table;
}

/** A C1 control character (U+0080 to U+009F) as the Windows-1252 character of the same byte, as web browsers read it. */
export function readAsWindows1252(control: string): string {
  return windows1252[control.charCodeAt(0) - 0x80];
}

/** All characters that any of the Windows code pages or Latin-1 has for the bytes `from` to `to`, inclusive. */
export function charactersOfBytes(from: number, to: number): Set<string> {
  const pages = codePages.filter((page) => page.isSloppy || page.name === 'latin-1');
  return new Set(pages.flatMap(({ upperHalf }) => [...upperHalf.slice(from - 0x80, to - 0x80 + 1)]));
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes a binary string as UTF-8, and as the two common misreadings of it: Java's two-byte zero and characters
 * above U+FFFF written as two encoded surrogates (CESU-8). Returns undefined when it is neither.
 */
export function decodeUtf8(bytes: string): string | undefined {
  const standard = bytes
    .replaceAll('\xc0\x80', '\0')
    .replace(/\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]/g, (pair) =>
      Buffer.from(joinSurrogates(pair), 'utf8').toString('latin1'),
    );
  try {
    return strictUtf8.decode(Buffer.from(standard, 'latin1'));
  } catch {
    return undefined; // the question was whether it is UTF-8
  }
}

/** The character that two surrogates of three bytes each were meant to be. */
function joinSurrogates(pair: string): string {
  const unit = (at: number) =>
    ((pair.charCodeAt(at) & 0x0f) << 12) | ((pair.charCodeAt(at + 1) & 0x3f) << 6) | (pair.charCodeAt(at + 2) & 0x3f);
  return String.fromCharCode(unit(0), unit(3));
}

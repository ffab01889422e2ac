import { crc32, inflateSync } from 'node:zlib';

/** More than this is no text about a picture: workflows with pictures inside have some megabytes. */
const MOST_TEXT_BYTES = 32 << 20;
/** Text chunks are few; somebody who writes a million wants to keep us busy. */
const MOST_CHUNKS = 10_000;

/** The texts of a PNG, by keyword; its EXIF block; and which chunks were not read, with the reason. */
export interface PngText {
  readonly text: ReadonlyMap<string, string>;
  readonly exif: Buffer | null;
  readonly refused: readonly string[];
}

/** How each kind of text chunk holds keyword and text. */
const readers: Readonly<Record<string, (body: Buffer) => [keyword: string, value: Buffer, encoding: 'latin1' | 'utf8']>> = {
  tEXt(body) {
    const end = endOf(body, 0);
    return [body.toString('latin1', 0, end), body.subarray(end + 1), 'latin1'];
  },
  zTXt(body) {
    const end = endOf(body, 0);
    return [body.toString('latin1', 0, end), inflated(body.subarray(end + 2)), 'latin1'];
  },
  iTXt(body) {
    const end = endOf(body, 0);
    const translated = endOf(body, endOf(body, end + 3) + 1);
    const value = body.subarray(translated + 1);
    return [body.toString('latin1', 0, end), body[end + 1] === 1 ? inflated(value) : value, 'utf8'];
  },
};

/**
 * Reads tEXt, zTXt, iTXt and eXIf chunks. Nothing in the file is trusted: what is too long, damaged (its checksum is
 * wrong) or cut short is passed over and told. The first text of a keyword counts.
 */
export function readPngText(png: Buffer): PngText {
  const text = new Map<string, string>();
  const refused: string[] = [];
  let exif: Buffer | null = null;
  let bytesLeft = MOST_TEXT_BYTES;
  let at = 8; // the signature
  for (let count = 0; at + 12 <= png.length && count < MOST_CHUNKS; count++) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const end = at + 8 + length;
    if (end + 4 > png.length) {
      refused.push(`The file ends inside its ${type} chunk.`);
      break;
    }
    const body = png.subarray(at + 8, end);
    if (type in readers || type === 'eXIf') {
      try {
        if (crc32(png.subarray(at + 4, end)) !== png.readUInt32BE(end)) throw new RangeError('its checksum is wrong');
        if (type === 'eXIf') exif = body;
        else {
          const [keyword, value, encoding] = readers[type](body);
          bytesLeft -= value.length;
          if (bytesLeft < 0) throw new RangeError(`there are more than ${MOST_TEXT_BYTES >> 20} MB of text`);
          if (!text.has(keyword)) text.set(keyword, value.toString(encoding));
        }
      } catch (error) {
        refused.push(`A ${type} chunk was passed over: ${error instanceof Error ? error.message : String(error)}.`);
      }
    }
    at = end + 4;
  }
  return { text, exif, refused };
}

function endOf(body: Buffer, from: number): number {
  const end = body.indexOf(0, from);
  if (end < 0) throw new RangeError('it has no keyword');
  return end;
}

function inflated(value: Buffer): Buffer {
  return inflateSync(value, { maxOutputLength: MOST_TEXT_BYTES });
}

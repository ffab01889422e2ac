import { crc32, inflateSync } from 'node:zlib';
import type { RgbImage } from '@atelier/sdk';
import sharp from 'sharp';

const SIGNATURE_LENGTH = 8;

/**
 * Encodes pixels as PNG. Each entry of `text` becomes a text chunk before the pixels, in order: tEXt where Latin-1 can
 * hold it, else iTXt in UTF-8 (what Pillow does, so every reader of A1111's pictures reads ours).
 */
export async function encodePng(image: RgbImage, text: Readonly<Record<string, string>> = {}): Promise<Buffer> {
  const png = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .png({ compressionLevel: 6 })
    .toBuffer();
  const headerEnd = SIGNATURE_LENGTH + 12 + png.readUInt32BE(SIGNATURE_LENGTH); // IHDR stays first
  const chunks = Object.entries(text).map(([keyword, value]) => textChunk(keyword, value));
  return Buffer.concat([png.subarray(0, headerEnd), ...chunks, png.subarray(headerEnd)]);
}

/** The text chunks of a PNG by keyword: tEXt, and iTXt compressed or not. Throws a RangeError when the file is cut short. */
export function readPngText(png: Buffer): Record<string, string> {
  const text: Record<string, string> = {};
  for (let at = SIGNATURE_LENGTH; at + 12 <= png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (body.length < length) throw new RangeError(`The PNG ends inside its ${type} chunk.`);
    if (type === 'tEXt') {
      const zero = body.indexOf(0);
      text[body.toString('latin1', 0, zero)] = body.toString('latin1', zero + 1);
    } else if (type === 'iTXt') {
      const [keyword, value] = readInternationalText(body);
      text[keyword] = value;
    }
    at += 12 + length;
  }
  return text;
}

function textChunk(keyword: string, value: string): Buffer {
  const isLatin = [...value].every((letter) => (letter.codePointAt(0) ?? 0) < 256);
  if (isLatin) return chunk('tEXt', Buffer.concat([Buffer.from(`${keyword}\0`, 'latin1'), Buffer.from(value, 'latin1')]));
  // keyword, not compressed, no language tag, no translated keyword
  return chunk('iTXt', Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(value, 'utf8')]));
}

function readInternationalText(body: Buffer): [keyword: string, value: string] {
  const keywordEnd = body.indexOf(0);
  const isCompressed = body[keywordEnd + 1] === 1;
  const languageEnd = body.indexOf(0, keywordEnd + 3);
  const translatedEnd = body.indexOf(0, languageEnd + 1);
  const value = body.subarray(translatedEnd + 1);
  return [
    body.toString('latin1', 0, keywordEnd),
    (isCompressed ? inflateSync(value, { maxOutputLength: 16 << 20 }) : value).toString('utf8'),
  ];
}

function chunk(type: string, body: Buffer): Buffer {
  const framed = Buffer.alloc(12 + body.length);
  framed.writeUInt32BE(body.length, 0);
  framed.write(type, 4, 'latin1');
  body.copy(framed, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, 8 + body.length)), 8 + body.length);
  return framed;
}

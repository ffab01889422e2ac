import { crc32 } from 'node:zlib';
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

function textChunk(keyword: string, value: string): Buffer {
  const isLatin = [...value].every((letter) => (letter.codePointAt(0) ?? 0) < 256);
  if (isLatin) return chunk('tEXt', Buffer.concat([Buffer.from(`${keyword}\0`, 'latin1'), Buffer.from(value, 'latin1')]));
  // keyword, not compressed, no language tag, no translated keyword
  return chunk('iTXt', Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(value, 'utf8')]));
}

function chunk(type: string, body: Buffer): Buffer {
  const framed = Buffer.alloc(12 + body.length);
  framed.writeUInt32BE(body.length, 0);
  framed.write(type, 4, 'latin1');
  body.copy(framed, 8);
  framed.writeUInt32BE(crc32(framed.subarray(4, 8 + body.length)), 8 + body.length);
  return framed;
}

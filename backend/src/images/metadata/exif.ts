/** The texts of an EXIF block that programs keep parameters in. */
export interface ExifText {
  /** What A1111 writes, and SwarmUI. */
  userComment?: string;
  imageDescription?: string;
  /** ComfyUI keeps its workflow here, … */
  make?: string;
  /** … and what it ran here. */
  model?: string;
  software?: string;
}

const tags: Readonly<Record<number, keyof ExifText>> = {
  0x010e: 'imageDescription',
  0x010f: 'make',
  0x0110: 'model',
  0x0131: 'software',
  0x9286: 'userComment',
};
const EXIF_FOLDER = 0x8769;
/** Bytes of one value of each type. */
const typeBytes: Readonly<Record<number, number>> = { 1: 1, 2: 1, 7: 1 };
const MOST_ENTRIES = 200;

/**
 * Reads the texts of the first folder of a TIFF structure, and of the EXIF folder inside it; no others, so nothing can
 * go in circles. What points outside of the block is passed over.
 */
export function readExif(block: Buffer): ExifText {
  const tiff = block.toString('latin1', 0, 6) === 'Exif\0\0' ? block.subarray(6) : block;
  const order = tiff.toString('latin1', 0, 2);
  if (tiff.length < 8 || (order !== 'II' && order !== 'MM')) return {};
  const reader = new TiffReader(tiff, order === 'II');
  const found: ExifText = {};
  const inner = readFolder(reader, reader.uint32(4), found);
  if (inner !== undefined) readFolder(reader, inner, found);
  return found;
}

/** Collects texts, and tells where the EXIF folder is. */
function readFolder(reader: TiffReader, at: number, found: ExifText): number | undefined {
  let inner: number | undefined;
  const count = Math.min(reader.uint16(at), MOST_ENTRIES);
  for (let i = 0; i < count; i++) {
    const entry = at + 2 + 12 * i;
    const tag = reader.uint16(entry);
    if (tag === EXIF_FOLDER) inner = reader.uint32(entry + 8);
    const name = tags[tag];
    const length = reader.uint32(entry + 4) * (typeBytes[reader.uint16(entry + 2)] ?? 0);
    if (!name || length === 0) continue;
    const bytes = reader.bytes(length <= 4 ? entry + 8 : reader.uint32(entry + 8), length);
    found[name] ??= name === 'userComment' ? commentOf(bytes, reader.isLittle) : withoutEnd(bytes.toString('utf8'));
  }
  return inner;
}

/** Eight letters tell how the comment is encoded. "UNICODE" is UTF-16 in the block's byte order; piexif always writes the big one. */
function commentOf(bytes: Buffer, isLittle: boolean): string {
  const encoding = bytes.toString('latin1', 0, 8);
  const text = bytes.subarray(8);
  if (encoding !== 'UNICODE\0') return withoutEnd((/^(ASCII|JIS)?\0+$/.test(encoding) ? text : bytes).toString('utf8'));
  return withoutEnd(new TextDecoder(isBigEndian(text, isLittle) ? 'utf-16be' : 'utf-16le').decode(text));
}

/** Most of what is written is Latin, whose upper bytes are zero: they tell which byte comes first, where the header does not. */
function isBigEndian(text: Buffer, isLittle: boolean): boolean {
  let [even, odd] = [0, 0];
  for (let i = 0; i + 1 < text.length && i < 2000; i += 2) {
    if (text[i] === 0) even++;
    if (text[i + 1] === 0) odd++;
  }
  return even === odd ? !isLittle : even > odd;
}

function withoutEnd(text: string): string {
  return text.replace(/\0+$/, '');
}

/** Numbers and bytes of a block; outside of it there are zeros. */
class TiffReader {
  constructor(
    private readonly block: Buffer,
    readonly isLittle: boolean,
  ) {}

  uint16(at: number): number {
    if (at + 2 > this.block.length) return 0;
    return this.isLittle ? this.block.readUInt16LE(at) : this.block.readUInt16BE(at);
  }

  uint32(at: number): number {
    if (at + 4 > this.block.length) return 0;
    return this.isLittle ? this.block.readUInt32LE(at) : this.block.readUInt32BE(at);
  }

  bytes(at: number, length: number): Buffer {
    return at + length > this.block.length ? Buffer.alloc(0) : this.block.subarray(at, at + length);
  }
}

import sharp from 'sharp';
import { parseInfotext, type Infotext } from '../infotext/parse-infotext.js';
import { PictureUnreadable } from '../thumbnail.js';
import { readComfyUi } from './comfyui.js';
import { readExif, type ExifText } from './exif.js';
import { readInvokeAi } from './invokeai.js';
import { readNovelAi } from './novelai.js';
import { readPngText, type PngText } from './png-text.js';
import { readSwarmUi } from './swarmui.js';

/** Whose text it is. A1111 stands for Forge and all who write as it does, us too. */
export type PictureSource = 'a1111' | 'comfyui' | 'invokeai' | 'novelai' | 'swarmui';

/** What a picture tells of how it was made. */
export interface PictureText {
  /** A1111's text as it stands in the file; empty when there is none. */
  readonly parameters: string;
  readonly source: PictureSource | null;
  /** The same, taken apart, in A1111's words. */
  readonly infotext: Infotext | null;
  /** All other texts in the file. */
  readonly items: Readonly<Record<string, string>>;
  /** What was not read, and why. */
  readonly refused: readonly string[];
}

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/**
 * Reads the texts of a PNG, JPEG, WebP or AVIF; not its pixels.
 *
 * @throws PictureUnreadable when it is none of these.
 */
export async function readPicture(bytes: Buffer): Promise<PictureText> {
  const { text, exif, refused } = bytes.subarray(0, 8).equals(PNG_SIGNATURE) ? readPngText(bytes) : await readOther(bytes);
  const inExif: ExifText = exif ? readExif(exif) : {};
  const parameters = inExif.userComment ?? text.get('parameters');
  const { userComment: _, ...otherExif } = inExif;
  const items: Record<string, string> = { ...Object.fromEntries(text), ...otherExif };
  const found = translated(text, parameters, inExif);
  const isPlain = found?.source === 'a1111';
  if (isPlain) delete items.parameters;
  return {
    parameters: isPlain ? (parameters ?? '') : '',
    source: found?.source ?? null,
    infotext: found?.infotext ?? null,
    items,
    refused,
  };
}

async function readOther(bytes: Buffer): Promise<PngText> {
  try {
    const { exif, comments } = await sharp(bytes).metadata();
    return { text: new Map(comments?.map(({ keyword, text }) => [keyword, text])), exif: exif ?? null, refused: [] };
  } catch (cause) {
    throw new PictureUnreadable('The picture', cause);
  }
}

/** ComfyUI writes `workflow:{…}` and `prompt:{…}` into EXIF where a format has no text chunks. */
function translated(
  text: ReadonlyMap<string, string>,
  parameters: string | undefined,
  { make, model }: ExifText,
): { source: PictureSource; infotext: Infotext } | undefined {
  const ran = [text.get('prompt'), model, make].find((each) =>
    each
      ?.replace(/^prompt:/i, '')
      .trimStart()
      .startsWith('{'),
  );
  const readings: [PictureSource, () => Infotext | undefined][] = [
    ['swarmui', () => readSwarmUi(parameters)],
    ['a1111', () => (parameters === undefined ? undefined : parseInfotext(parameters))],
    ['novelai', () => readNovelAi(text)],
    ['invokeai', () => readInvokeAi(text)],
    ['comfyui', () => readComfyUi(ran?.replace(/^prompt:/i, ''))],
  ];
  for (const [source, read] of readings) {
    const infotext = read();
    if (infotext) return { source, infotext };
  }
  return undefined;
}

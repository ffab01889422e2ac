import { AppError } from '@atelier/sdk';
import sharp from 'sharp';

/** The longer side of a thumbnail, in pixels. */
const SIDE = 512;

/** A file that should be a picture is none. */
export class PictureUnreadable extends AppError {
  readonly code = 'picture-unreadable';
  constructor(file: string, cause: unknown) {
    super(
      `"${file}" cannot be read as a picture: ${cause instanceof Error ? cause.message : String(cause)}.`,
      'Replace it or take it away.',
      { cause },
    );
  }
}

/**
 * A picture file made small, as WebP. Nothing of the file itself comes through but its pixels.
 *
 * @throws PictureUnreadable
 */
export async function thumbnailOf(file: string): Promise<Buffer> {
  try {
    return await sharp(file).rotate().resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true }).webp().toBuffer();
  } catch (cause) {
    throw new PictureUnreadable(file, cause);
  }
}

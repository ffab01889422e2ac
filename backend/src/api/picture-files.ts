import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Picture } from '@atelier/sdk/contracts';
import type { Response } from 'express';
import { PictureFileGone } from '../jobs/errors.js';

/** The files of finished pictures, below the outputs folder and nowhere else. */
export class PictureFiles {
  constructor(private readonly outputsDir: string) {}

  /** The whole file. */
  async read({ file }: Picture): Promise<Buffer> {
    const absolute = path.join(this.outputsDir, file);
    try {
      if (path.relative(this.outputsDir, absolute).startsWith('..')) throw new Error(`${file} lies outside of ${this.outputsDir}.`);
      return await readFile(absolute);
    } catch (cause) {
      throw new PictureFileGone(absolute, cause);
    }
  }

  /** Sends the file. It never changes under its address, so browsers may keep it; only theirs, as pictures are private. */
  async send(picture: Picture, response: Response): Promise<void> {
    const bytes = await this.read(picture);
    response.set({
      'Cache-Control': 'private, max-age=31536000, immutable',
      'Content-Disposition': `inline; filename="${path.basename(picture.file)}"`,
    });
    response.type(path.extname(picture.file)).send(bytes);
  }
}

import { z } from 'zod';
import type { Txt2ImgRequest } from './generation.js';

/** The largest picture that is read for its parameters, in base64 letters: 48 MB of picture. */
const MAX_PICTURE_LETTERS = 64_000_000;
const MAX_TEXT_LENGTH = 200_000;

/** Where to read parameters from: the bytes of a picture, or the text itself. */
export const ReadParameters = z
  .strictObject({
    picture: z.base64().max(MAX_PICTURE_LETTERS).optional().describe('Bytes of a PNG, JPEG, WebP or AVIF, in base64.'),
    text: z.string().max(MAX_TEXT_LENGTH).optional().describe('Parameters as A1111 writes them.'),
  })
  .refine(({ picture, text }) => (picture === undefined) !== (text === undefined), 'needs either "picture" or "text"')
  .meta({ id: 'ReadParameters' });

/** What a picture tells of how it was made, and what this server can do with it. */
export const PictureParameters = z
  .object({
    source: z
      .enum(['a1111', 'comfyui', 'invokeai', 'novelai', 'swarmui'])
      .nullable()
      .describe('Whose words they were; null when there are none.'),
    text: z.string().describe('The parameters as A1111 would write them.'),
    request: (z.record(z.string(), z.unknown()) as unknown as z.ZodType<Partial<Txt2ImgRequest>>).describe(
      'Fields of a Txt2ImgRequest that make the picture again; what the text does not settle is left out.',
    ),
    notApplied: z
      .array(z.object({ name: z.string(), value: z.string(), why: z.string() }))
      .describe('What could not be taken over, and why.'),
    items: z.record(z.string(), z.string()).describe('All other texts in the file.'),
    refused: z.array(z.string()).describe('What was not read, and why.'),
  })
  .meta({ id: 'PictureParameters' });
export type PictureParameters = z.infer<typeof PictureParameters>;

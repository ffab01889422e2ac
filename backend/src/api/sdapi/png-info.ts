import { z } from '@atelier/sdk';
import { infotextText } from '../../images/infotext/infotext-text.js';
import { pastedParameters } from '../../images/infotext/pasted-parameters.js';
import { readPicture } from '../../images/metadata/read-picture.js';
import { FieldNotBuilt } from './txt2img-request.js';

/** The body of A1111's `POST /sdapi/v1/png-info`. */
export const PngInfoRequest = z.looseObject({ image: z.string().describe('The picture in base64, also as a data: address.') });

/**
 * What A1111 tells of a picture: its text, the other texts in the file, and the text taken apart.
 *
 * @param checkpointTitle of the chosen checkpoint, whose name A1111 leaves out.
 * @throws PictureUnreadable | FieldNotBuilt
 */
export async function pngInfo(image: string, checkpointTitle?: string) {
  if (/^https?:/i.test(image)) throw new FieldNotBuilt('image', image);
  const encoded = image.startsWith('data:') ? image.slice(image.indexOf(',') + 1) : image;
  const { source, parameters, infotext, items } = await readPicture(Buffer.from(encoded, 'base64'));
  const info = source === 'a1111' || infotext === null ? parameters : infotextText(infotext);
  return { info, items, parameters: pastedParameters(info, { checkpointTitle }) };
}

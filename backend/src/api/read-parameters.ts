import type { Catalogue, PictureParameters } from '@atelier/sdk/contracts';
import { infotextText } from '../images/infotext/infotext-text.js';
import { parseInfotext, type Infotext } from '../images/infotext/parse-infotext.js';
import { requestOf } from '../images/infotext/to-request.js';
import { readPicture } from '../images/metadata/read-picture.js';

/**
 * How a picture was made, and the request that makes it again here.
 *
 * @param picture bytes in base64; instead of it, `text`.
 * @throws PictureUnreadable
 */
export async function parametersOf(
  { picture, text = '' }: { picture?: string; text?: string },
  catalogue: Catalogue,
): Promise<PictureParameters> {
  if (picture === undefined) {
    return { source: 'a1111', text, ...pasted(parseInfotext(text), catalogue), items: {}, refused: [] };
  }
  const { source, parameters, infotext, items, refused } = await readPicture(Buffer.from(picture, 'base64'));
  const shown = source === 'a1111' || infotext === null ? parameters : infotextText(infotext);
  const nothing = { request: {}, notApplied: [] };
  return { source, text: shown, ...(infotext ? pasted(infotext, catalogue) : nothing), items: { ...items }, refused: [...refused] };
}

function pasted(infotext: Infotext, catalogue: Catalogue): Pick<PictureParameters, 'request' | 'notApplied'> {
  const { request, notApplied } = requestOf(infotext, catalogue);
  return { request, notApplied: [...notApplied] };
}

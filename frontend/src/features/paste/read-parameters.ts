import { type PictureParameters, readParameters } from '@atelier/sdk/contracts';
import { call } from '../../api/call.js';

/** Where parameters may come from: a picture's file, or what someone has copied. */
export type ParameterSource = Blob | string;

/** How the picture was made, or what the text asks for, as far as the server understands it. A file of text counts as its text. */
export async function parametersOf(source: ParameterSource): Promise<PictureParameters> {
  if (typeof source === 'string') return await call(readParameters, { text: source });
  if (source.type.startsWith('text/')) return await call(readParameters, { text: await source.text() });
  return await call(readParameters, { picture: await base64Of(source) });
}

function base64Of(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      const address = reader.result as string;
      resolve(address.slice(address.indexOf(',') + 1)); // "data:image/png;base64,…"
    };
    reader.onerror = () => reject(reader.error!);
    reader.readAsDataURL(file);
  });
}

/** Whether a text is a whole set of parameters, not only a prompt. */
export function isInfotext(text: string): boolean {
  return /^Steps: \d/m.test(text);
}

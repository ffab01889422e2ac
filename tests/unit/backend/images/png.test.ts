import sharp from 'sharp';
import { expect, test } from 'vitest';
import { readPngText } from '../../../../backend/src/images/metadata/png-text.js';
import { encodePng } from '../../../../backend/src/images/png.js';

const image = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i * 14) };

test('a picture comes back from its PNG pixel for pixel', async () => {
  const { data, info } = await sharp(await encodePng(image))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 3, height: 2, channels: 3 });
  expect(Uint8Array.from(data)).toEqual(image.data);
});

test('text survives in its chunk: Latin-1, other scripts, several lines', async () => {
  const text = { parameters: 'a café\nNegative prompt: rain\nSteps: 20', other: '雪の中のロボット 🤖' };
  const png = await encodePng(image, text);
  expect(Object.fromEntries(readPngText(png).text)).toEqual(text);
  expect(png.includes('tEXtparameters')).toBe(true); // what Pillow writes for Latin-1
  expect(png.includes('iTXtother')).toBe(true);
});

test('another program finds the parameters too', async () => {
  const { comments } = await sharp(await encodePng(image, { parameters: 'a cat\nSteps: 1' })).metadata();
  expect(comments).toContainEqual({ keyword: 'parameters', text: 'a cat\nSteps: 1' });
});

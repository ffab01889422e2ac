import { tensor, type EncodedText } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { EncodedTexts, type TokenRow } from '../../../../backend/src/library/encoded-texts.js';

/** An encoder whose states are the tokens themselves and whose vector is their sum; it notes what it was asked. */
function encoder() {
  const asked: number[][][] = [];
  const encode = async (texts: readonly TokenRow[]): Promise<EncodedText> => {
    const rows = texts.map(({ ids }) => ids);
    asked.push(rows.map((row) => [...row]));
    const sums = rows.map((row) => row.reduce((sum, token) => sum + token, 0));
    return {
      hidden: tensor([rows.length, rows[0].length, 1], Float32Array.from(rows.flatMap((row) => [...row]))),
      pooled: tensor([rows.length, 1], Float32Array.from(sums)),
    };
  };
  return { asked, encode };
}

const cat = { ids: Int32Array.of(1, 2) };
const dog = { ids: Int32Array.of(3, 4) };
const rain = { ids: Int32Array.of(5, 6) };

test('rows are encoded once, equal ones of a batch and those of earlier calls, and come back in their order', async () => {
  const { asked, encode } = encoder();
  const texts = new EncodedTexts();
  await texts.of('clip', [cat, cat], encode);
  const { hidden, pooled } = await texts.of('clip', [dog, cat, dog], encode);
  expect(asked).toEqual([[[1, 2]], [[3, 4]]]);
  expect(hidden).toEqual(tensor([3, 2, 1], Float32Array.of(3, 4, 1, 2, 3, 4)));
  expect(pooled).toEqual(tensor([3, 1], Float32Array.of(7, 3, 7)));
});

test('another encoder, file or way of reading is asked itself', async () => {
  const { asked, encode } = encoder();
  const texts = new EncodedTexts();
  for (const reading of ['clip of one file', 'clip of another', 'clip of one file']) await texts.of(reading, [cat], encode);
  expect(asked).toHaveLength(2);
});

test('what was used longest ago goes first when there is too much', async () => {
  const { asked, encode } = encoder();
  const texts = new EncodedTexts(2 * 3 * 4); // two rows of three numbers
  for (const row of [cat, dog, cat, rain, cat, dog]) await texts.of('clip', [row], encode);
  expect(asked.map(([[first]]) => first)).toEqual([1, 3, 5, 3]);
});

test('rows that are more than is kept come back whole, and a failure is not kept', async () => {
  const { encode } = encoder();
  const texts = new EncodedTexts(0);
  const failing = texts.of('clip', [cat], () => Promise.reject(new Error('the device has ended')));
  await expect(failing).rejects.toThrow('the device has ended');
  const { hidden } = await texts.of('clip', [cat, dog], encode);
  expect([...hidden.data]).toEqual([1, 2, 3, 4]);
});

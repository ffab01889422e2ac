import { tensor, type Tensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { middleOf, PreviewColours } from '../../../../backend/src/pipeline/preview-colours.js';

const space = {
  channels: 2,
  downscale: 8,
  scale: 1,
  shift: 0,
  preview: {
    factors: [
      [1, 0, 0],
      [0, -1, 0],
    ] as [number, number, number][],
    bias: [0, 0, 0] as [number, number, number],
  },
};

/** A decoder that really is linear: red is half of the first channel, green the second, blue always 0.2. */
function decode(latents: Tensor): Tensor {
  const [batch, , height, width] = latents.shape;
  const [size, scale] = [height * width, 8];
  const data = new Float32Array(batch * 3 * size * scale ** 2);
  for (let pixel = 0; pixel < data.length; pixel++) {
    const x = Math.floor((pixel % (width * scale)) / scale);
    const y = Math.floor((Math.floor(pixel / (width * scale)) % (height * scale)) / scale);
    const plane = Math.floor(pixel / (size * scale ** 2));
    const [picture, colour] = [Math.floor(plane / 3), plane % 3];
    const cell = (channel: number): number => latents.data[(picture * 2 + channel) * size + y * width + x];
    data[pixel] = [cell(0) / 2, cell(1), 0.2][colour];
  }
  return tensor([batch, 3, height * scale, width * scale], data);
}

const latents = tensor(
  [2, 2, 4, 6],
  Float32Array.from({ length: 96 }, (_, i) => Math.sin(i * 1.7)),
);

test('a preview has one pixel for each latent cell of the wanted picture, in the family’s colours', () => {
  const image = new PreviewColours(space).image(latents, 1);
  expect(image).toMatchObject({ width: 6, height: 4 });
  const [red, green] = [latents.data[48], -latents.data[72]];
  expect([...image.data.slice(0, 3)]).toEqual([red, green, 0].map((value) => Math.round((value + 1) * 127.5)));
});

test('the colours of a decoder are learnt from what it made', () => {
  const colours = new PreviewColours(space);
  colours.learn(latents, decode(latents));
  const image = colours.image(latents, 0);
  const [red, green] = [latents.data[0] / 2, latents.data[24]];
  for (const [at, wanted] of [red, green, 0.2].entries()) expect(Math.abs(image.data[at] - (wanted + 1) * 127.5)).toBeLessThan(2);
});

test('cells that all look alike teach something finite', () => {
  const colours = new PreviewColours(space);
  const flat = tensor([1, 2, 2, 2], new Float32Array(8).fill(1));
  colours.learn(flat, decode(flat));
  const [red, green, blue] = colours.image(flat, 0).data;
  for (const [got, wanted] of [
    [red, 0.5],
    [green, 1],
    [blue, 0.2],
  ])
    expect(Math.abs(got - (wanted + 1) * 127.5)).toBeLessThan(3);
});

test('the middle of a latent is what is decoded to learn from', () => {
  const large = tensor(
    [1, 1, 20, 18],
    Float32Array.from({ length: 360 }, (_, i) => i),
  );
  const piece = middleOf(large);
  expect(piece.shape).toEqual([1, 1, 8, 8]);
  expect(piece.data[0]).toBe(6 * 18 + 5);
  expect(middleOf(latents).shape).toEqual([1, 2, 4, 6]);
});

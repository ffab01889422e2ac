import { tensor, type Tensor } from '@atelier/sdk';
import { expect, test } from 'vitest';
import { inTiles, tilingOf } from '../../../../backend/src/library/tiles.js';
import { maxDifference } from '../../../support/goldens.js';

/** Numbers that look like noise and are always the same. */
function noise(shape: readonly number[]): Tensor {
  const length = shape.reduce((product, side) => product * side, 1);
  return tensor(
    shape,
    Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898) * 2),
  );
}

/** Stands for a decoder: every cell becomes 2 × 2 pixels of the mean of the cells around it. What lies outside counts as nothing, as at a convolution's edge. */
function decode({ shape: [batch, channels, height, width], data }: Tensor): Promise<Tensor> {
  const out = new Float32Array(batch * channels * height * width * 4);
  for (let i = 0; i < out.length; i++) {
    const x = Math.floor((i % (2 * width)) / 2);
    const y = Math.floor((Math.floor(i / (2 * width)) % (2 * height)) / 2);
    const plane = Math.floor(i / (4 * width * height));
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const isInside = y + dy >= 0 && y + dy < height && x + dx >= 0 && x + dx < width;
        if (isInside) out[i] += data[(plane * height + y + dy) * width + x + dx] / 9;
      }
    }
  }
  return Promise.resolve(tensor([batch, channels, 2 * height, 2 * width], out));
}

test.each([
  [37, 53],
  [64, 20],
  [19, 19],
  [17, 90],
  [6, 90],
  [3, 90],
])('what does not depend on how a picture of %i × %i cells is cut comes out as if it were whole', async (height, width) => {
  const x = noise([2, 3, height, width]);
  const tiling = { height: Math.min(19, height), width: Math.min(19, width), overlap: 6 };
  const copy = await inTiles(x, tiling, { input: 1, output: 1 }, (tile) => Promise.resolve(tile));
  expect(copy.shape).toEqual(x.shape);
  expect(maxDifference(copy.data, x.data)).toBeLessThan(1e-6);
});

test('tiles differ from the whole only near their own edges', async () => {
  const x = noise([1, 2, 24, 40]);
  const whole = await decode(x);
  const tiled = await inTiles(x, { height: 24, width: 24, overlap: 8 }, { input: 1, output: 2 }, decode);
  expect(tiled.shape).toEqual(whole.shape);
  const differing = new Set<number>();
  for (const [i, value] of whole.data.entries()) if (Math.abs(value - tiled.data[i]) > 1e-6) differing.add(i % 80);
  // tiles begin at cells 0 and 16; the last column of the first and the first one of the second lack a neighbour
  expect([...differing].sort((a, b) => a - b)).toEqual([32, 33, 46, 47]);
});

test('encoding cuts pixels at the borders of cells', async () => {
  const x = noise([1, 1, 8 * 20, 8 * 11]);
  const corners = ({ shape: [, , height, width], data }: Tensor) => {
    const cells = Array.from(
      { length: (height * width) / 64 },
      (_, i) => data[Math.floor(i / (width / 8)) * 8 * width + (i % (width / 8)) * 8],
    );
    return Promise.resolve(tensor([1, 1, height / 8, width / 8], Float32Array.from(cells)));
  };
  const whole = await corners(x);
  const tiled = await inTiles(x, { height: 9, width: 7, overlap: 3 }, { input: 8, output: 1 }, corners);
  expect(tiled.shape).toEqual(whole.shape);
  expect(maxDifference(tiled.data, whole.data)).toBeLessThan(1e-6);
});

test('one tile fades into the next without a step', async () => {
  let count = 0;
  const { data } = await inTiles(noise([1, 1, 1, 40]), { height: 1, width: 16, overlap: 4 }, { input: 1, output: 1 }, ({ shape }) =>
    Promise.resolve(tensor(shape, new Float32Array(16).fill(count++))),
  );
  expect(count).toBe(3);
  const steps = Array.from(data.slice(1), (value, i) => value - data[i]);
  expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...steps)).toBeLessThanOrEqual(1 / 4 + 1e-6);
});

test('only a large picture is cut, unless one asks for it always or never', () => {
  expect(tilingOf('auto', 128, 128)).toBeNull();
  expect(tilingOf('auto', 64, 256)).toBeNull();
  expect(tilingOf('auto', 256, 256)).not.toBeNull();
  expect(tilingOf('never', 256, 256)).toBeNull();
  expect(tilingOf('always', 96, 96)).not.toBeNull();
});

test('a picture no larger than a tile is never cut', () => {
  expect(tilingOf('always', 64, 64)).toBeNull();
  expect(tilingOf('always', 2, 64)).toBeNull();
});

test('tiles share a picture equally, so that the last is no sliver', () => {
  for (let side = 65; side <= 256; side++) {
    const tiling = tilingOf('always', 40, side)!;
    expect(tiling.height).toBe(40);
    const count = Math.ceil((side - tiling.overlap) / (tiling.width - tiling.overlap));
    expect(count * tiling.width - (count - 1) * tiling.overlap - side).toBeLessThan(count);
    expect(tiling.width).toBeGreaterThan(2 * tiling.overlap);
  }
});

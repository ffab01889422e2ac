// How alike two pictures look.

/** Of the window, in standard deviations and pixels, and of values 0 … 255: as in the paper. */
const [DEVIATION, RADIUS] = [1.5, 5];
const [C1, C2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];

const gaussian = Array.from({ length: 2 * RADIUS + 1 }, (_, i) => Math.exp(-((i - RADIUS) ** 2) / (2 * DEVIATION ** 2)));
const window = gaussian.map((weight) => weight / gaussian.reduce((sum, each) => sum + each, 0));

/**
 * Structural similarity of the brightness of two pictures (Wang et al. 2004): 1 for the same picture, 0 for nothing in common.
 * @typedef {{ width: number, height: number, data: Uint8Array }} Picture RGB, row by row
 * @param {Picture} a
 * @param {Picture} b of the same size
 */
export function structuralSimilarity(a, b) {
  const { width, height } = a;
  const [x, y] = [brightness(a), brightness(b)];
  const blurred = (values) => blur(values, width, height);
  const product = (p, q) => blurred(p.map((value, at) => value * q[at]));
  const [meanX, meanY] = [blurred(x), blurred(y)];
  const [xx, yy, xy] = [product(x, x), product(y, y), product(x, y)];
  let sum = 0;
  for (const [at, mx] of meanX.entries()) {
    const my = meanY[at];
    const [varianceX, varianceY, covariance] = [xx[at] - mx * mx, yy[at] - my * my, xy[at] - mx * my];
    sum += ((2 * mx * my + C1) * (2 * covariance + C2)) / ((mx * mx + my * my + C1) * (varianceX + varianceY + C2));
  }
  return sum / meanX.length;
}

/** By how much the values of two pictures differ, of 255: at most, and on average. */
export function differenceOf(a, b) {
  let [largest, sum] = [0, 0];
  for (const [at, value] of a.data.entries()) {
    const difference = Math.abs(value - b.data[at]);
    largest = Math.max(largest, difference);
    sum += difference;
  }
  return { largest, mean: sum / a.data.length };
}

/** Luma as ITU-R BT.601 has it. */
function brightness({ width, height, data }) {
  return Float64Array.from({ length: width * height }, (_, i) => 0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2]);
}

/** Means under the window, where it lies wholly in the picture. */
function blur(values, width, height) {
  const [columns, rows] = [width - 2 * RADIUS, height - 2 * RADIUS];
  const across = new Float64Array(columns * height);
  for (let at = 0; at < across.length; at++) {
    const from = Math.floor(at / columns) * width + (at % columns);
    for (const [i, weight] of window.entries()) across[at] += weight * values[from + i];
  }
  const means = new Float64Array(columns * rows);
  for (let at = 0; at < means.length; at++) for (const [i, weight] of window.entries()) means[at] += weight * across[at + i * columns];
  return means;
}

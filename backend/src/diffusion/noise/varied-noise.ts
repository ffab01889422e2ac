/** Dot products from which two draws count as parallel. */
const PARALLEL = 0.9995;

/**
 * Between two draws on the arc from one to the other, which keeps the strength of the noise (Shoemake 1985). As in A1111, each column of each
 * channel is a vector of its own.
 *
 * @param low,high [channels, height, width]; nothing of `high` at 0, nothing of `low` at 1. Where they are all but parallel, A1111 mixes
 * them the other way round, and so do we.
 */
export function slerp(strength: number, low: Float32Array, high: Float32Array, shape: readonly number[]): Float32Array {
  const [channels, height, width] = shape;
  const columns = channels * width;
  const at = (column: number, row: number) => (Math.floor(column / width) * height + row) * width + (column % width);
  const dots = Float64Array.from({ length: columns }, (_, column) => {
    let [dot, lowSquares, highSquares] = [0, 0, 0];
    for (let row = 0; row < height; row++) {
      const [a, b] = [low[at(column, row)], high[at(column, row)]];
      dot += a * b;
      lowSquares += a * a;
      highSquares += b * b;
    }
    return dot / Math.sqrt(lowSquares * highSquares);
  });
  if (dots.reduce((sum, dot) => sum + dot, 0) / columns > PARALLEL) {
    return low.map((value, i) => value * strength + high[i] * (1 - strength));
  }
  const mixed = new Float32Array(low.length);
  for (const [column, dot] of dots.entries()) {
    const angle = Math.acos(dot);
    const [ofLow, ofHigh] = [1 - strength, strength].map((part) => Math.sin(part * angle) / Math.sin(angle));
    for (let row = 0; row < height; row++) mixed[at(column, row)] = ofLow * low[at(column, row)] + ofHigh * high[at(column, row)];
  }
  return mixed;
}

/**
 * Lays noise of one size over the middle of noise of another; what sticks out is cut off.
 *
 * @param under,over [channels, height, width] each; the shape of `under` is that of the answer.
 */
export function laidOver(
  under: Float32Array,
  [channels, height, width]: readonly number[],
  over: Float32Array,
  [, overHeight, overWidth]: readonly number[],
): Float32Array {
  const laid = under.slice();
  const [top, left] = [Math.floor((height - overHeight) / 2), Math.floor((width - overWidth) / 2)];
  const spanOf = (offset: number, side: number) => (offset >= 0 ? side : side + 2 * offset);
  const [rows, columns] = [spanOf(top, overHeight), spanOf(left, overWidth)];
  for (let channel = 0; channel < channels; channel++) {
    for (let row = 0; row < rows; row++) {
      const from = (channel * overHeight + row + Math.max(-top, 0)) * overWidth + Math.max(-left, 0);
      laid.set(over.subarray(from, from + columns), (channel * height + row + Math.max(top, 0)) * width + Math.max(left, 0));
    }
  }
  return laid;
}

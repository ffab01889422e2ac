/**
 * `count` evenly spaced numbers from `from` to `to`, both included; a single one is `from`. In float32 and from both ends
 * inwards, as PyTorch's `linspace` makes them: other programs' levels come from such ramps, and ours are to equal them.
 */
export function ramp(from: number, to: number, count: number): number[] {
  const [start, end] = [Math.fround(from), Math.fround(to)];
  const step = Math.fround(Math.fround(end - start) / Math.max(count - 1, 1));
  const half = Math.floor(count / 2);
  if (count === 1) return [start];
  return Array.from({ length: count }, (_, index) => Math.fround(index < half ? start + step * index : end - step * (count - 1 - index)));
}

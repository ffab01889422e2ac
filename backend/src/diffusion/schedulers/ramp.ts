/**
 * `count` evenly spaced numbers from `from` to `to`, both included; a single one is `from`. In float32 and from both ends
 * inwards, as PyTorch's `linspace` makes them: other programs' levels come from such ramps, and ours are to equal them.
 */
export function ramp(from: number, to: number, count: number): number[] {
  const step = Math.fround((to - from) / Math.max(count - 1, 1));
  return Array.from({ length: count }, (_, index) =>
    Math.fround(index < count / 2 ? from + step * index : to - step * (count - 1 - index)),
  );
}

/** `count` evenly spaced numbers from `from` to `to`, both included. A single one is `from`. */
export function ramp(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (count === 1 ? from : from + (index / (count - 1)) * (to - from)));
}

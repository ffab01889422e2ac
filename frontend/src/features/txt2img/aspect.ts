const known: readonly [width: number, height: number][] = [
  [1, 1],
  [5, 4],
  [4, 3],
  [3, 2],
  [16, 10],
  [16, 9],
  [2, 1],
  [21, 9],
];

/** The aspect of a size as people say it: `1:1`, `16:9`, `≈ 3:2`, or its lowest terms. */
export function aspectOf(width: number, height: number): string {
  const divisor = greatestCommonDivisor(width, height);
  const exact = [width / divisor, height / divisor];
  if (Math.max(...exact) <= 21) return exact.join(':');
  const [long, short] = width > height ? [width, height] : [height, width];
  const near = known.find(([w, h]) => Math.abs(long / short / (w / h) - 1) < 0.02);
  if (!near) return (width / height).toFixed(2);
  return `≈ ${(width > height ? near : [...near].reverse()).join(':')}`;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

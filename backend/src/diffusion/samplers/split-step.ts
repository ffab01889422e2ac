/**
 * Splits the way down to `next` into a level to step down to and fresh noise to add back (Euler a and its family).
 * The two recombine: down² + up² = next². At eta 0 nothing is added, above 1 `up` is held at `next`.
 */
export function splitStep(sigma: number, next: number, eta: number): { down: number; up: number } {
  const up = Math.min(next, eta * Math.sqrt((next ** 2 * (sigma ** 2 - next ** 2)) / sigma ** 2));
  return { down: Math.sqrt(next ** 2 - up ** 2), up };
}

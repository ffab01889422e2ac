/**
 * Chance in [0, 1) that repeats with its seed, for choices that are not noise (which wildcard, which style).
 * Generator: splitmix32 (Steele, Lea and Flood 2014), over both halves of the seed.
 */
export function seededRandom(seed: number): () => number {
  let state = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

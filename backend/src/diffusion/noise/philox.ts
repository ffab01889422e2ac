const ROUNDS = 10;

/**
 * Philox4x32-10 of Salmon et al. 2011: turns a 128-bit counter into four random 32-bit words, in place.
 *
 * @param words The counter, low word first.
 */
export function philox(words: Uint32Array, keyLow: number, keyHigh: number): void {
  let [c0, c1, c2, c3] = words;
  let k0 = keyLow;
  let k1 = keyHigh;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = highOfProduct(c0, 0xd251, 0x1f53);
    const high2 = highOfProduct(c2, 0xcd9e, 0x8d57);
    const low0 = Math.imul(c0, 0xd2511f53) >>> 0;
    const low2 = Math.imul(c2, 0xcd9e8d57) >>> 0;
    c0 = (high2 ^ c1 ^ k0) >>> 0;
    c1 = low2;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** The upper 32 bits of `word` times a 32-bit factor, given in halves so that every product is exact in float64. */
function highOfProduct(word: number, factorHigh: number, factorLow: number): number {
  return ((word * factorHigh + Math.floor((word * factorLow) / 2 ** 16)) / 2 ** 16) >>> 0;
}

const ROUNDS = 10;

/**
 * Philox4x32-10 of Salmon et al. 2011: turns a 128-bit counter into four random 32-bit words, in place.
 *
 * @param words The counter, low word first.
 */
export function philox(words: Uint32Array, keyLow: number, keyHigh: number): void {
  // signed 32-bit all the way, because that is what engines compute fastest; the words' bits are the same
  let c0 = words[0] | 0;
  let c1 = words[1] | 0;
  let c2 = words[2] | 0;
  let c3 = words[3] | 0;
  let k0 = keyLow | 0;
  let k1 = keyHigh | 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = highOfProduct(c0, 0xd251, 0x1f53);
    const high2 = highOfProduct(c2, 0xcd9e, 0x8d57);
    const low0 = Math.imul(c0, 0xd2511f53);
    const low2 = Math.imul(c2, 0xcd9e8d57);
    c0 = high2 ^ c1 ^ k0;
    c1 = low2;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** The upper 32 bits of `word` times a 32-bit factor that is given in halves: written multiplication with digits of 16 bits. */
function highOfProduct(word: number, factorHigh: number, factorLow: number): number {
  const low = word & 0xffff;
  const high = word >>> 16;
  const lowByHigh = Math.imul(low, factorHigh);
  const highByLow = Math.imul(high, factorLow);
  const carried = (Math.imul(low, factorLow) >>> 16) + (lowByHigh & 0xffff) + (highByLow & 0xffff);
  return (Math.imul(high, factorHigh) + (lowByHigh >>> 16) + (highByLow >>> 16) + (carried >>> 16)) | 0;
}

/** Four 32-bit words. */
type Words = [number, number, number, number];

const ROUNDS = 10;

/**
 * Philox4x32-10 of Salmon et al. 2011: four random words from a 128-bit counter and a 64-bit key. `counter` is
 * overwritten with them.
 */
export function philox(counter: Words, keyLow: number, keyHigh: number): Words {
  let k0 = keyLow;
  let k1 = keyHigh;
  for (let round = 0; round < ROUNDS; round++) {
    const [c0, c1, c2, c3] = counter;
    counter[0] = (highOfProduct(c2, 0xcd9e8d57) ^ c1 ^ k0) >>> 0;
    counter[1] = Math.imul(c2, 0xcd9e8d57) >>> 0;
    counter[2] = (highOfProduct(c0, 0xd2511f53) ^ c3 ^ k1) >>> 0;
    counter[3] = Math.imul(c0, 0xd2511f53) >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return counter;
}

/** The upper 32 bits of the product of two 32-bit words. */
function highOfProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32, as is the next sum
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

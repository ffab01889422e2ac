/** The float32 of every float16 bit pattern; made when first needed (256 kB). */
let widened: Float32Array | undefined;

/** Widens float16 (as bits) to float32, exactly. */
export function widenFloat16(bits: Uint16Array): Float32Array {
  widened ??= Float32Array.from({ length: 65536 }, (_, pattern) => float16Value(pattern));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = widened[bits[i]];
  return values;
}

/** Widens bfloat16 (as bits) to float32, exactly: it is the upper half of one. */
export function widenBfloat16(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  const patterns = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) patterns[i] = bits[i] << 16;
  return values;
}

/** IEEE 754 binary16: 1 bit sign, 5 bits exponent with bias 15, 10 bits fraction. */
function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

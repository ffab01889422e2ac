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

/** What each of the 256 bit patterns of a float of 8 bits means (Micikevicius et al. 2022). */
export const float8Values = {
  F8_E4M3: Float32Array.from({ length: 256 }, (_, pattern) => floatE4m3Value(pattern)),
  F8_E5M2: Float32Array.from({ length: 256 }, (_, pattern) => float16Value(pattern << 8)), // the upper half of a float16
} as const;
export type Float8 = keyof typeof float8Values;

/** Widens floats of 8 bits to float32, exactly. */
export function widenFloat8(bits: Uint8Array, type: Float8): Float32Array {
  return Float32Array.from(bits, (pattern) => float8Values[type][pattern]);
}

export function isFloat8(type: string): type is Float8 {
  return Object.hasOwn(float8Values, type);
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

/** 1 bit sign, 4 bits exponent with bias 7, 3 bits fraction. No infinities: only the largest pattern is no number, so that 448 can be said. */
function floatE4m3Value(bits: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits >> 3) & 0xf;
  const fraction = bits & 0x7;
  if ((bits & 0x7f) === 0x7f) return NaN;
  if (exponent === 0) return sign * fraction * 2 ** -9;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
}

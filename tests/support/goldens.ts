import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** A tensor as a golden file holds it. F16 and BF16 are widened to float32, F32 and F64 keep their type, U8 stays bytes. */
export interface GoldenTensor {
  shape: number[];
  data: Float32Array | Float64Array | Uint8Array | Int32Array | BigInt64Array;
}

/** A golden tensor of real numbers, which is what most tests want. */
export interface RealTensor {
  shape: number[];
  data: Float32Array | Float64Array;
}

/** The folder of known answers: `GOLDENS_DIR`, else the copy in the tests. */
export function goldensDir(): string {
  return process.env.GOLDENS_DIR ?? fileURLToPath(new URL('../goldens', import.meta.url));
}

/** Where a golden file lies; `relativePath` is written with slashes. */
export function goldenPath(relativePath: string): string {
  return path.join(goldensDir(), relativePath);
}

/** Whether this set of goldens has that file. Another set may leave some out. */
export function hasGolden(relativePath: string): boolean {
  return existsSync(goldenPath(relativePath));
}

const specialNumbers: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

/** A golden JSON file, with the strings "NaN", "Infinity" and "-Infinity" turned into those numbers. */
export function readJson<T = unknown>(relativePath: string): T {
  return JSON.parse(readFileSync(goldenPath(relativePath), 'utf8'), (_key, value: unknown) =>
    typeof value === 'string' && Object.hasOwn(specialNumbers, value) ? specialNumbers[value] : value,
  ) as T;
}

/** As `readJson`, for files in which those strings are texts (prompts, infotexts). */
export function readJsonVerbatim<T = unknown>(relativePath: string): T {
  return JSON.parse(readFileSync(goldenPath(relativePath), 'utf8')) as T;
}

/** All tensors of a golden .safetensors file by name. */
export function readTensors(relativePath: string): Map<string, GoldenTensor> {
  return readTensorsOf(goldenPath(relativePath));
}

/** All tensors of any .safetensors file that is small enough to be held. */
export function readTensorsOf(file: string): Map<string, GoldenTensor> {
  const bytes = readFileSync(file);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [start, end] = entry.data_offsets;
    // a copy of its own, because typed arrays need an aligned offset
    const raw = new Uint8Array(bytes.subarray(8 + headerLength + start, 8 + headerLength + end)).buffer;
    tensors.set(name, { shape: entry.shape, data: decode(raw, entry.dtype, name) });
  }
  return tensors;
}

function decode(raw: ArrayBuffer, dtype: string, name: string): GoldenTensor['data'] {
  switch (dtype) {
    case 'F32':
      return new Float32Array(raw);
    case 'F64':
      return new Float64Array(raw);
    case 'U8':
      return new Uint8Array(raw);
    case 'I32':
      return new Int32Array(raw);
    case 'I64':
      return new BigInt64Array(raw);
    case 'F16':
      return Float32Array.from(new Uint16Array(raw), halfToNumber);
    case 'BF16':
      return new Float32Array(Uint32Array.from(new Uint16Array(raw), (bits) => bits << 16).buffer);
    default:
      throw new Error(`Golden tensor "${name}" has element type ${dtype}, which readTensors does not know.`);
  }
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** One tensor of real numbers out of a golden file; throws when it is missing or holds something else. */
export function realTensor(tensors: ReadonlyMap<string, GoldenTensor>, name: string): RealTensor {
  const found = tensors.get(name);
  if (!found) throw new Error(`The golden file has no tensor "${name}".`);
  const { shape, data } = found;
  if (!(data instanceof Float32Array || data instanceof Float64Array))
    throw new Error(`Golden tensor "${name}" does not hold real numbers.`);
  return { shape, data };
}

/** Reports records of a kind that is not built yet: they show up as skipped tests with this title, never as passed. */
export function notBuilt(kind: string, count: number): void {
  if (count > 0) test.skip(`not built: ${kind} (${count} records)`, () => {});
}

/** Reports records whose base file (the weights they were made with) this set of goldens does not hold. */
export function baseAbsent(file: string, count: number): void {
  if (count > 0) test.skip(`base absent: ${file} (${count} records)`, () => {});
}

/** Counts by kind what is not built, for `notBuilt` at the end of a file's records. */
export class NotBuiltCount {
  private readonly counts = new Map<string, number>();

  add(kind: string, count = 1): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + count);
  }

  report(): void {
    for (const [kind, count] of this.counts) notBuilt(kind, count);
  }
}

/** How far two numbers may lie apart: within `absolute`, or within `relative` times the size of the expected one. */
export interface Tolerance {
  absolute?: number;
  relative?: number;
}

/**
 * Fails unless every number lies within the tolerance of the expected one. NaN equals NaN, an infinity equals itself.
 * The message names the worst place.
 */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: Tolerance, what = 'values'): void {
  expect(actual.length, `${what}: how many`).toBe(expected.length);
  const { absolute = 0, relative = 0 } = tolerance;
  let worst = -1;
  let worstExcess = 1;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i];
    const e = expected[i];
    if (Object.is(a, e) || a === e) continue;
    const allowed = Math.max(absolute, relative * Math.abs(e));
    const excess = Math.abs(a - e) / allowed;
    if (!(excess <= worstExcess)) {
      worst = i;
      worstExcess = Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess;
    }
  }
  if (worst >= 0) {
    expect.fail(
      `${what}: [${worst}] is ${actual[worst]}, expected ${expected[worst]}: ${worstExcess.toPrecision(3)} times the tolerance ${JSON.stringify(tolerance)}.`,
    );
  }
}

/** The largest distance between two lists of the same length. */
export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length, 'how many').toBe(b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

/** A tolerance given as a share of the largest absolute value that is expected. */
export function shareOfLargest(expected: ArrayLike<number>, share: number): Tolerance {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]));
  return { absolute: share * largest };
}

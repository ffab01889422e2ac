/**
 * A copy for someone who may look and not touch: plain objects, lists and number arrays are copied all the way down;
 * functions and class instances are shared.
 */
export function toldOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(toldOf) as T;
  if (ArrayBuffer.isView(value) && 'slice' in value) return (value as unknown as Float32Array).slice() as T;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toldOf(inner)])) as T;
}

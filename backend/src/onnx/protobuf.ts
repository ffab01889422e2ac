/** The part of the protobuf wire format that an ONNX model needs: varints, float32, and fields with a length. */

/** Field `field` with an integer. Negative ones take ten bytes, as protobuf has it. */
export function integerField(field: number, value: number | bigint): Uint8Array {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

/** Field `field` with bytes, a text or an embedded message. */
export function bytesField(field: number, body: Uint8Array | string): Uint8Array {
  const bytes = Buffer.from(body);
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

/** Field `field` with a float32. */
export function floatField(field: number, value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), bytes]);
}

export function message(fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

/** A field as it stands in a message. */
export interface Field {
  field: number;
  /** Number and value, as they are written. */
  raw: Uint8Array;
  /** An integer, or the bytes of a text, a list or a message. */
  value: bigint | Uint8Array;
}

/** The fields of a message of the kinds above, in their order. */
export function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  for (let at = 0; at < bytes.length;) {
    const start = at;
    const tag = readVarint(bytes, at);
    const [field, wireType] = [Number(tag.value >> 3n), Number(tag.value & 7n)];
    const first = wireType === 5 ? { value: 4n, end: tag.end } : readVarint(bytes, tag.end);
    const isInteger = wireType === 0;
    at = isInteger ? first.end : first.end + Number(first.value);
    yield { field, raw: bytes.subarray(start, at), value: isInteger ? first.value : bytes.subarray(first.end, at) };
  }
}

function readVarint(bytes: Uint8Array, start: number): { value: bigint; end: number } {
  let value = 0n;
  for (let at = start; ; at++) {
    value |= BigInt(bytes[at] & 127) << BigInt(7 * (at - start));
    if (bytes[at] < 128) return { value, end: at + 1 };
  }
}

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

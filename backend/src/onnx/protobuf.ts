/** The part of the protobuf wire format that an ONNX model needs: varints, and fields with a length. */

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

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

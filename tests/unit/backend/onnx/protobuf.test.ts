import { expect, test } from 'vitest';
import { bytesField, floatField, integerField, message } from '../../../../backend/src/onnx/protobuf.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

// the examples of protobuf's own documentation of the encoding
test('integers, texts and embedded messages are encoded as the documentation shows', () => {
  expect(hex(integerField(1, 150))).toBe('089601');
  expect(hex(bytesField(2, 'testing'))).toBe('120774657374696e67');
  expect(hex(bytesField(3, integerField(1, 150)))).toBe('1a03089601');
});

test('negative integers take ten bytes, floats four, high field numbers two', () => {
  expect(hex(integerField(1, -2))).toBe('08feffffffffffffffff01');
  expect(hex(floatField(2, 1))).toBe('150000803f');
  expect(hex(message([integerField(20, 2)]))).toBe('a00102');
});

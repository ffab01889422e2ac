import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { AppError } from '@atelier/sdk';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readEmbedding } from '../../../../backend/src/checkpoints/embeddings/embedding.js';
import { NotAnEmbedding, PickleRefused } from '../../../../backend/src/checkpoints/embeddings/errors.js';
import { readPickle } from '../../../../backend/src/checkpoints/embeddings/pickle.js';
import { CheckpointUnreadable } from '../../../../backend/src/checkpoints/errors.js';
import { float32s, writeSafetensors } from '../../../support/safetensors-file.js';

let home = '';
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'atelier-embeddings-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const ORDERED = 'ccollections\nOrderedDict\n)R';
const text = (value: string) => `U${String.fromCharCode(value.length)}${value}`;
const whole = (value: number) => `M${String.fromCharCode(value & 0xff, value >> 8)}`;

/** A parameter over storage "0" with `count` numbers, as Python writes it down. */
function parameter([rows, width]: readonly [number, number], count = rows * width): string {
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}${whole(count)}NtQ`;
  const tensor = `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K\0${whole(rows)}${whole(width)}\x86${whole(width)}K\x01\x86\x89${ORDERED}tR`;
  return `ctorch._utils\n_rebuild_parameter\n(${tensor}\x88${ORDERED}tR`;
}

/** A dictionary of what PyTorch 1.11 trained, as A1111 saved it: the parameters are the state of an object. */
function trained(shape: readonly [number, number], count?: number): string {
  const parameters = `${ORDERED}${text('*')}${parameter(shape, count)}s`;
  const object = `ctorch.nn.modules.container\nParameterDict\n)\x81}${text('_parameters')}${parameters}sb`;
  return `\x80\x02}${text('string_to_param')}${object}s${text('step')}${whole(500)}s${text('sd_checkpoint_name')}${text('first')}s.`;
}

/** Puts a file of the PyTorch before 1.6 into the folder. */
function put(name: string, pickle: string, numbers: readonly number[]): string {
  const magic = '\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.';
  const machine = `\x80\x02}${text('little_endian')}\x88s.`;
  const head = Buffer.from(`${magic}\x80\x02${whole(1001)}.${machine}${pickle}\x80\x02](${text('0')}e.`, 'latin1');
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(numbers.length));
  const file = path.join(home, name);
  writeFileSync(file, Buffer.concat([head, count, Buffer.from(Float32Array.from(numbers).buffer)]));
  return file;
}

test('what A1111 trained in its first year is read, with what it tells of the training', async () => {
  const file = put('old.pt', trained([2, 3]), [1, 2, 3, 4, 5, 6]);
  expect(await readEmbedding(file)).toEqual({
    vectors: 2,
    rows: { only: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } },
    training: { steps: 500, checkpointHash: null, checkpoint: 'first' },
  });
});

test('one row alone is an embedding of one token', async () => {
  const file = writeSafetensors(path.join(home, 'one.safetensors'), { anything: float32s([3], [1, 2, 3]) });
  expect(await readEmbedding(file)).toMatchObject({ vectors: 1, rows: { only: { shape: [1, 3] } } });
});

test.each([
  ['two tensors that are no pair', { a: float32s([1, 2], [1, 2]), b: float32s([1, 2], [1, 2]) }],
  ['a pair of different lengths', { clip_l: float32s([1, 2], [1, 2]), clip_g: float32s([2, 1], [1, 2]) }],
  ['no tensor at all', {}],
  ['more tokens than are read at once', { emb_params: float32s([76, 1], new Array<number>(76).fill(1)) }],
  ['a tensor with three sides', { emb_params: float32s([1, 1, 2], [1, 2]) }],
])('%s is no embedding', async (_, tensors) => {
  const file = writeSafetensors(path.join(home, 'x.safetensors'), tensors);
  await expect(readEmbedding(file)).rejects.toBeInstanceOf(NotAnEmbedding);
});

test.each([
  ['a name that no tensor needs', '\x80\x02cos\nsystem\n.', PickleRefused],
  ['a name that is put together', `\x80\x04${text('os')}${text('system')}\x93.`, PickleRefused],
  ['a tensor that reaches beyond its numbers', trained([2, 3], 5), PickleRefused],
  ['an operation that builds objects of any class', '\x80\x02(i__main__\nX\n.', PickleRefused],
  ['numbers from somewhere else', `\x80\x02(${text('module')}${text('x')}tQ.`, PickleRefused],
  ['a text that says it is longer than the file', '\x80\x02X\xff\xff\xff\x7fabc.', CheckpointUnreadable],
  ['an end that does not come', '\x80\x02}', CheckpointUnreadable],
  ['more than any embedding needs', `\x80\x02${'}'.repeat(300_000)}.`, PickleRefused],
])('a pickle with %s is refused', (_, pickle, problem) => {
  expect(() => readPickle(Buffer.from(pickle, 'latin1'), 'x.pt')).toThrow(problem);
});

test('a file that holds fewer numbers than it says is refused', async () => {
  const file = put('short.pt', trained([2, 3]), [1, 2, 3]);
  await expect(readEmbedding(file)).rejects.toBeInstanceOf(CheckpointUnreadable);
});

test('however a pickle is damaged, it is read or refused', () => {
  const pickle = Buffer.from(trained([2, 3]), 'latin1');
  const damage = fc.array(fc.tuple(fc.nat(pickle.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(damage, (changes) => {
      const damaged = Buffer.from(pickle);
      for (const [place, byte] of changes) damaged[place] = byte;
      try {
        readPickle(damaged, 'x.pt');
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
      }
    }),
    { numRuns: 2000 },
  );
});

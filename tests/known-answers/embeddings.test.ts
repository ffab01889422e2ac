import { describe, expect, test } from 'vitest';
import { PickleRefused } from '../../backend/src/checkpoints/embeddings/errors.js';
import { PickledTensor, type PickledValue } from '../../backend/src/checkpoints/embeddings/pickle.js';
import { readTorchFile } from '../../backend/src/checkpoints/embeddings/torch-file.js';
import { expectClose, goldenPath, hasGolden, readJson } from '../support/goldens.js';

interface GoldenPickle {
  file: string;
  tensors?: Record<string, { shape: number[]; values: number[] }>;
  other?: Record<string, number>;
}

describe('files of PyTorch', () => {
  const detection = 'models/detection/detection.json';
  const { pickles } = hasGolden(detection) ? readJson<{ pickles: GoldenPickle[] }>(detection) : { pickles: [] };
  for (const { file, tensors, other = {} } of pickles) {
    const place = goldenPath(`models/detection/${file}`);
    if (!tensors) {
      test(`${file} is refused`, async () => {
        await expect(readTorchFile(place)).rejects.toBeInstanceOf(PickleRefused);
      });
      continue;
    }
    test(`${file} is read as data`, async () => {
      const { value, read } = await readTorchFile(place);
      const { state_dict, ...rest } = fieldsOf(value);
      expect(rest).toEqual(other);
      const found = fieldsOf(state_dict);
      expect(Object.keys(found)).toEqual(Object.keys(tensors));
      for (const [name, { shape, values }] of Object.entries(tensors)) {
        const stored = found[name];
        if (!(stored instanceof PickledTensor)) throw new TypeError(`${name} is no tensor`);
        const { shape: actual, data } = read(stored);
        expect(actual).toEqual(shape);
        expectClose(data, values, { relative: 1e-6, absolute: 1e-9 }, name);
      }
    });
  }
  if (pickles.length === 0) test.skip('no golden pickles', () => {});
});

function fieldsOf(value: PickledValue): Record<string, PickledValue> {
  if (!(value instanceof Map)) throw new TypeError('It is no dictionary.');
  return Object.fromEntries(value as ReadonlyMap<string, PickledValue>);
}

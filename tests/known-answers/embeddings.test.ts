import type { TextEncoderKind } from '@atelier/sdk';
import type { DeviceTensor } from '@atelier/sdk/contracts';
import { describe, expect, test } from 'vitest';
import { PickleRefused } from '../../backend/src/checkpoints/embeddings/errors.js';
import { PickledTensor, type PickledValue } from '../../backend/src/checkpoints/embeddings/pickle.js';
import { readTorchFile } from '../../backend/src/checkpoints/embeddings/torch-file.js';
import { readModelFile } from '../../backend/src/checkpoints/model-file.js';
import { readTensor } from '../../backend/src/checkpoints/read-tensor.js';
import { EmbeddingFiles, fitsEncoders } from '../../backend/src/library/embedding-files.js';
import { foldersIn } from '../../backend/src/library/model-folders.js';
import { textEncoderInputs } from '../../backend/src/library/text-encoder-inputs.js';
import { families, recognise } from '../../backend/src/model-families/families.js';
import { clipConfig, clipGraph } from '../../backend/src/model-families/text-encoders/clip.js';
import { fillAfterEnd, promptChunks, type PromptChunk } from '../../backend/src/prompt/chunks.js';
import { loadClipTokenizer } from '../../backend/src/prompt/clip-tokenizer.js';
import { EmbeddingNames } from '../../backend/src/prompt/embedding-names.js';
import { baseAbsent, expectClose, goldenPath, hasGolden, readJson, readTensors, realTensor, shareOfLargest } from '../support/goldens.js';
import { openGraph } from '../support/open-graph.js';

interface GoldenPickle {
  file: string;
  tensors?: Record<string, { shape: number[]; values: number[] }>;
  other?: Record<string, number>;
}

/** Shares of the largest absolute value, from the goldens' README. */
const TEXT_TOLERANCE = 2e-5;

/** Encoders as the goldens call them. */
const encoderNames: readonly (readonly [kind: TextEncoderKind, config: string, ids: string])[] = [
  ['clip-l', 'clip_l', 'l'],
  ['clip-g', 'clip_g', 'g'],
  ['clip-h', 'clip_h', 'h'],
];

interface EmbeddingCase {
  /** Stem of the checkpoint, without precision. */
  base: string;
  prompt_comfyui: string;
  ids: Record<string, (number | 'vector')[][]>;
  weights?: Record<string, number[][]>;
  cond: string;
  pooled: string;
}
type TinyConfigs = Record<string, Record<string, { num_attention_heads: number } | undefined> | undefined>;

describe('prompts with embeddings', () => {
  const records = 'models/misc/refs/embeddings.json';
  if (!hasGolden(records)) {
    test.skip('no golden embeddings', () => {});
    return;
  }
  const { cases, tensors_file } = readJson<{ cases: EmbeddingCase[]; tensors_file: string }>(records);
  const configs = hasGolden('models/checkpoints/configs.json') ? readJson<TinyConfigs>('models/checkpoints/configs.json') : {};
  const tensors = readTensors(`models/misc/refs/${tensors_file}`);

  for (const { base, prompt_comfyui, ids, weights, cond, pooled } of cases) {
    const prompt = prompt_comfyui.replaceAll('embedding:', '');
    const checkpoint = `models/checkpoints/${base}-fp16.safetensors`;
    if (!hasGolden(checkpoint)) {
      baseAbsent(checkpoint, 1);
      continue;
    }
    test(`${base} reads "${prompt}"`, async () => {
      const file = await readModelFile(goldenPath(checkpoint));
      const { family, model } = recognise(file, families);
      const { textEncoders, markers } = file.components;
      const traits = await family.traits({ model, markers, metadata: file.metadata, stem: base, read: readTensor });
      const config = (kind: TextEncoderKind, name: string) =>
        clipConfig(textEncoders.get(kind)!, kind, configs[`${base}-fp16`]?.[name]?.num_attention_heads);
      const widths = new Map(
        encoderNames.flatMap(([kind, name]) => (textEncoders.has(kind) ? [[kind, config(kind, name).width] as const] : [])),
      );
      const entries = await new EmbeddingFiles().look(foldersIn([goldenPath('models/misc')]));
      const tokenizer = await loadClipTokenizer();
      const embeddings = new EmbeddingNames(
        entries.filter((entry) => fitsEncoders(entry, widths)),
        tokenizer,
      );

      const outputs: { hidden: DeviceTensor; pooled: DeviceTensor }[] = [];
      for (const use of traits.textEncoders) {
        const [, name, idsOf] = encoderNames.find(([kind]) => kind === use.kind)!;
        const { chunks } = promptChunks(prompt, tokenizer, { embeddings });
        const [empty] = promptChunks('', tokenizer, { embeddings }).chunks;
        const rows = [...chunks, empty].map((row) => ({ ...row, ids: fillAfterEnd(row.ids, use.fill) }));
        const marked = rows.slice(0, -1).map((row) => withVectors(row));
        expect(marked).toEqual(ids[idsOf]);
        // ComfyUI tells of a vector also where the model does not read it
        const pooled = use.pooled === 'none' ? 'plain' : use.pooled;
        const reading = { layer: use.layer(1), finalNorm: use.finalNorm, pooled, takesEmbeddings: true } as const;
        const run = await openGraph(clipGraph(textEncoders.get(use.kind)!, config(use.kind, name), reading));
        const answer = await run(await textEncoderInputs(rows, use.kind, widths.get(use.kind)));
        const weighted = weighedByDistance(answer.hidden, weights?.[idsOf]);
        outputs.push({ hidden: weighted, pooled: answer.pooled });
      }
      const wanted = realTensor(tensors, cond);
      expectClose(sideBySide(outputs.map(({ hidden }) => hidden)), wanted.data, shareOfLargest(wanted.data, TEXT_TOLERANCE), cond);
      const vector = realTensor(tensors, pooled);
      const told = numbers(outputs.at(-1)!.pooled).slice(0, vector.data.length);
      expectClose(told, vector.data, shareOfLargest(vector.data, TEXT_TOLERANCE), pooled);
    });
  }
});

function withVectors({ ids, embeddings }: { ids: Int32Array; embeddings: PromptChunk['embeddings'] }): (number | 'vector')[] {
  const isVector = (place: number) => embeddings.some(({ at, embedding }) => place >= at && place < at + embedding.vectors);
  return Array.from(ids, (id, place) => (isVector(place) ? 'vector' : id));
}

/** ComfyUI's emphasis: away from the states of an empty text, which is the last row. That row goes. */
function weighedByDistance(states: DeviceTensor, weights: readonly number[][] | undefined): DeviceTensor {
  const [rows, tokens, width] = states.shape;
  const all = numbers(states);
  const empty = all.subarray((rows - 1) * tokens * width);
  const data = all.slice(0, -tokens * width).map((value, i) => {
    const weight = weights?.[Math.floor(i / (tokens * width))][Math.floor(i / width) % tokens] ?? 1;
    const start = empty[i % (tokens * width)];
    return weight === 1 ? value : start + (value - start) * weight;
  });
  return { type: 'float32', shape: [rows - 1, tokens, width], data };
}

/** The states of several encoders for the same tokens, one after another in each token. */
function sideBySide(states: readonly DeviceTensor[]): number[] {
  const [rows, tokens] = states[0].shape;
  return Array.from({ length: rows * tokens }, (_, token) =>
    states.flatMap((each) => [...numbers(each).subarray(token * each.shape[2], (token + 1) * each.shape[2])]),
  ).flat();
}

function numbers({ type, data }: DeviceTensor): Float32Array {
  return type === 'float32' ? data : expect.fail(`an output is ${type}`);
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

import type { Conditioning, Prompt, Tensor } from '@atelier/sdk';
import type { LoadedModel } from '../library/loaded-model.js';
import { applyEmphasis, loadClipTokenizer, padToLongest, promptChunks } from '../prompt/index.js';

/** Both prompts of each picture of a batch as the model reads them. At guidance 1 the negative one is not read. */
export async function encodePrompts(prompts: readonly Prompt[], model: LoadedModel, guidanceScale: number): Promise<Conditioning> {
  const cond = await encodeTexts(
    prompts.map(({ positive }) => positive),
    model,
  );
  if (guidanceScale === 1) return { cond };
  const uncond = await encodeTexts(
    prompts.map(({ negative }) => negative),
    model,
  );
  return { cond, uncond };
}

/** @returns [texts, 77 · chunks, width]; shorter texts are filled up with empty chunks to the longest one's count. */
async function encodeTexts(texts: readonly string[], model: LoadedModel): Promise<Tensor> {
  const tokenizer = await loadClipTokenizer();
  const prompts = padToLongest(texts.map((text) => promptChunks(text, tokenizer)));
  const columns: Tensor[] = [];
  for (const chunk of prompts[0].keys()) {
    const column = prompts.map((chunks) => chunks[chunk]);
    const encoded = await model.encode(column.map(({ ids }) => ids)); // [texts, 77, width]
    columns.push(
      applyEmphasis(
        encoded,
        column.map(({ multipliers }) => multipliers),
      ),
    );
  }
  return besideEachOther(columns);
}

/** Joins [texts, 77, width] of each chunk along the tokens. */
function besideEachOther(columns: readonly Tensor[]): Tensor {
  const [textCount, tokens, width] = columns[0].shape;
  const rowLength = tokens * width;
  const data = new Float32Array(textCount * columns.length * rowLength);
  for (const [chunk, column] of columns.entries()) {
    for (let text = 0; text < textCount; text++) {
      data.set(column.data.subarray(text * rowLength, (text + 1) * rowLength), (text * columns.length + chunk) * rowLength);
    }
  }
  return { shape: [textCount, columns.length * tokens, width], data };
}

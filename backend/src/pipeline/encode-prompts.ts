import {
  concat,
  type Condition,
  type ConditionContext,
  type Conditioning,
  type EncodedText,
  type Prompt,
  type Tensor,
  type TextEncoderKind,
  type TextEncoderUse,
} from '@atelier/sdk';
import type { LoadedModel } from '../library/loaded-model.js';
import {
  applyEmphasis,
  fillAfterEnd,
  fillT5Texts,
  loadClipTokenizer,
  loadT5Tokenizer,
  padToLongest,
  promptChunks,
  t5Text,
} from '../prompt/index.js';

/** What encoding depends on beside the prompts. */
export interface EncodingContext {
  /** At guidance 1 the negative prompt is not read. */
  guidanceScale: number;
  /** Of the picture, in pixels. */
  width: number;
  height: number;
}

/** Both prompts of each picture of a batch as the model reads them. */
export async function encodePrompts(
  prompts: readonly Prompt[],
  model: LoadedModel,
  { guidanceScale, width, height }: EncodingContext,
): Promise<Conditioning> {
  const positive = prompts.map(({ positive }) => positive);
  const cond = await encodeTexts(positive, model, { width, height, isNegative: false });
  if (guidanceScale === 1) return { cond };
  const negative = prompts.map(({ negative }) => negative);
  return { cond, uncond: await encodeTexts(negative, model, { width, height, isNegative: true }) };
}

async function encodeTexts(texts: readonly string[], model: LoadedModel, context: Omit<ConditionContext, 'isEmpty'>): Promise<Condition> {
  const encoded = new Map<TextEncoderKind, EncodedText>();
  for (const use of model.traits.textEncoders) {
    if (model.reads(use.kind)) encoded.set(use.kind, await (use.kind === 't5' ? encodeByT5 : encodeByClip)(texts, use, model));
  }
  return model.family.condition(encoded, { ...context, isEmpty: texts.map((text) => text === '') });
}

/**
 * Texts in chunks of 77 tokens, each weighted by itself; shorter texts are filled up with empty chunks to the longest one's count.
 * The vector of a text is that of its first chunk.
 */
async function encodeByClip(texts: readonly string[], use: TextEncoderUse, model: LoadedModel): Promise<EncodedText> {
  const tokenizer = await loadClipTokenizer();
  const prompts = padToLongest(texts.map((text) => promptChunks(text, tokenizer)));
  const columns: Tensor[] = [];
  let pooled: Tensor | undefined;
  for (const chunk of prompts[0].keys()) {
    const column = prompts.map((chunks) => chunks[chunk]);
    const encoded = await model.encodeText(
      use,
      column.map(({ ids }) => fillAfterEnd(ids, use.fill)),
    );
    const weights = column.map(({ multipliers }) => multipliers);
    columns.push(applyEmphasis(encoded.hidden, weights)); // [texts, 77, width]
    pooled ??= encoded.pooled;
  }
  const hidden = concat(columns, 1);
  return pooled === undefined ? { hidden } : { hidden, pooled };
}

/** Texts as one row each, all as long as the longest. */
async function encodeByT5(texts: readonly string[], use: TextEncoderUse, model: LoadedModel): Promise<EncodedText> {
  const tokenize = await loadT5Tokenizer();
  const rows = fillT5Texts(
    texts.map((text) => t5Text(text, tokenize)),
    use.fill,
    use.leastTokens ?? 1,
  );
  const { hidden } = await model.encodeText(
    use,
    rows.map(({ ids }) => Int32Array.from(ids)),
  );
  return {
    hidden: applyEmphasis(
      hidden,
      rows.map(({ multipliers }) => multipliers),
    ),
  };
}

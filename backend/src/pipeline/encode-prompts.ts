import {
  concat,
  rows,
  tensor,
  type Condition,
  type ConditionContext,
  type Conditioning,
  type EncodedText,
  type Prompt,
  type Sampler,
  type Tensor,
  type TensorData,
  type TextEncoderKind,
  type TextEncoderUse,
} from '@atelier/sdk';
import type { LoadedModel } from '../library/loaded-model.js';
import {
  applyEmphasis,
  composePrompt,
  fillAfterEnd,
  fillT5Texts,
  loadClipTokenizer,
  loadT5Tokenizer,
  padToLongest,
  promptChunks,
  scheduleOf,
  type ScheduledText,
  t5Text,
} from '../prompt/index.js';
import type { PromptEmbeddings } from './prompt-embeddings.js';

/** What encoding depends on beside the prompts. */
export interface EncodingContext {
  /** At guidance 1 the negative prompt is not read. */
  guidanceScale: number;
  /** Of the picture, in pixels. */
  width: number;
  height: number;
  /** What prompt editing counts. */
  promptSteps: number;
  /** What prompts may name. */
  embeddings: PromptEmbeddings;
}

/** Prompt editing counts calls of the model where a sampler makes two in a step, and steps otherwise, as A1111 does: with three calls in a step, it is over before the run is. */
export function promptSteps(steps: number, { callsPerStep }: Sampler): number {
  return callsPerStep === 2 ? 2 * steps : steps;
}

/** One prompt with all it says over the steps, and how much it counts. */
interface Line {
  texts: readonly ScheduledText[];
  weight: number;
  /** A row for each of the texts. */
  encoded: Condition;
}

/**
 * Both prompts of each picture of a batch as the model reads them, at each of its calls (counted from 0): parts that are joined by AND, and
 * texts that change over the steps, included.
 *
 * @param transform is given each conditioning once, however often it comes back.
 */
export async function encodePrompts(
  prompts: readonly Prompt[],
  model: LoadedModel,
  { guidanceScale, width, height, promptSteps, embeddings }: EncodingContext,
  transform: (conditioning: Conditioning) => Promise<Conditioning>,
): Promise<(call: number) => Conditioning> {
  const encoded = new Map<string, Promise<Condition>>(); // pictures of a batch mostly have the same prompts
  const lineOf = async (text: string, weight: number, isNegative: boolean): Promise<Line> => {
    const texts = scheduleOf(text, { steps: promptSteps });
    const key = `${isNegative} ${text}`;
    const encoding =
      encoded.get(key) ??
      encodeTexts(
        texts.map((each) => each.text),
        model,
        { width, height, isNegative, embeddings },
      );
    encoded.set(key, encoding);
    return { texts, weight, encoded: await encoding };
  };
  const positive: Line[][] = [];
  const negative: Line[] = [];
  for (const prompt of prompts) {
    const parts: Line[] = [];
    for (const { text, weight } of composePrompt(prompt.positive)) parts.push(await lineOf(text, weight, false));
    positive.push(parts);
    if (guidanceScale !== 1) negative.push(await lineOf(prompt.negative, 1, true));
  }

  const distinct = new Map<string, Conditioning>();
  const stretches: { until: number; conditioning: Conditioning }[] = [];
  const ends = new Set([...positive.flat(), ...negative].flatMap(({ texts }) => texts.map(({ until }) => until)));
  for (const until of [...ends].toSorted((a, b) => a - b)) {
    const textOf = ({ texts }: Line) => texts.findIndex((text) => text.until >= until);
    const key = [...positive.flat(), ...negative].map(textOf).join();
    const conditioning = distinct.get(key) ?? (await transform(conditioningOf(positive, negative, textOf)));
    distinct.set(key, conditioning);
    stretches.push({ until, conditioning });
  }
  // where a sampler calls more often than was counted, A1111 begins anew with the first text and stays there
  return (call) => (stretches.find(({ until }) => call <= until) ?? stretches[0]).conditioning;
}

function conditioningOf(positive: readonly (readonly Line[])[], negative: readonly Line[], textOf: (line: Line) => number): Conditioning {
  const rowOf = (line: Line): Condition => {
    const at = textOf(line);
    const { context, vector } = line.encoded;
    return { context: rows(context, at, at + 1), ...(vector && { vector: rows(vector, at, at + 1) }) };
  };
  const isPlain = positive.every((parts) => parts.length === 1 && parts[0].weight === 1);
  return {
    cond: stacked(positive.flat().map(rowOf)),
    ...(negative.length > 0 && { uncond: stacked(negative.map(rowOf)) }),
    ...(!isPlain && { composition: positive.map((parts) => parts.map(({ weight }) => weight)) }),
  };
}

/** Rows of one condition. A shorter text goes on with its last token, as in A1111. */
function stacked(conditions: readonly Condition[]): Condition {
  const longest = Math.max(...conditions.map(({ context }) => context.shape[1]));
  const contexts = conditions.map(({ context }) => {
    const [, tokens, width] = context.shape;
    const last = tensor([1, 1, width], context.data.subarray((tokens - 1) * width) as TensorData);
    return concat([context, ...Array.from({ length: longest - tokens }, () => last)], 1);
  });
  const vectors = conditions.flatMap(({ vector }) => vector ?? []);
  return { context: concat(contexts), ...(vectors.length > 0 && { vector: concat(vectors) }) };
}

async function encodeTexts(
  texts: readonly string[],
  model: LoadedModel,
  { embeddings, ...context }: Omit<ConditionContext, 'isEmpty'> & { embeddings: PromptEmbeddings },
): Promise<Condition> {
  const encoded = new Map<TextEncoderKind, EncodedText>();
  for (const use of model.traits.textEncoders) {
    if (model.reads(use.kind)) encoded.set(use.kind, await (use.kind === 't5' ? encodeByT5 : encodeByClip)(texts, use, model, embeddings));
  }
  return model.family.condition(encoded, { ...context, isEmpty: texts.map((text) => text === '') });
}

/**
 * Texts in chunks of 77 tokens, each weighted by itself; shorter texts are filled up with empty chunks to the longest one's count.
 * The vector of a text is that of its first chunk.
 */
async function encodeByClip(
  texts: readonly string[],
  use: TextEncoderUse,
  model: LoadedModel,
  embeddings: PromptEmbeddings,
): Promise<EncodedText> {
  const tokenizer = await loadClipTokenizer();
  const cut = texts.map((text) => promptChunks(text, tokenizer, { embeddings: embeddings.names }));
  for (const [i, text] of texts.entries()) embeddings.note(cut[i], tokenizer.encode(text));
  const prompts = padToLongest(cut);
  const columns: Tensor[] = [];
  let pooled: Tensor | undefined;
  for (const chunk of prompts[0].keys()) {
    const column = prompts.map((chunks) => chunks[chunk]);
    const encoded = await model.encodeText(
      use,
      column.map((row) => ({ ...row, ids: fillAfterEnd(row.ids, use.fill) })),
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
  const filled = fillT5Texts(
    texts.map((text) => t5Text(text, tokenize)),
    use.fill,
    use.leastTokens ?? 1,
  );
  const { hidden } = await model.encodeText(
    use,
    filled.map(({ ids }) => ({ ids: Int32Array.from(ids) })),
  );
  return {
    hidden: applyEmphasis(
      hidden,
      filled.map(({ multipliers }) => multipliers),
    ),
  };
}

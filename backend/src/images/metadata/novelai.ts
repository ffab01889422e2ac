import type { Infotext } from '../infotext/parse-infotext.js';
import { entriesOf, jsonObject, textOf } from './json-value.js';

/** NovelAI: `Software` names it, `Description` is the prompt, `Comment` the rest as JSON. As A1111 translates it. */
export function readNovelAi(text: ReadonlyMap<string, string>): Infotext | undefined {
  const comment = text.get('Software') === 'NovelAI' ? jsonObject(text.get('Comment')) : undefined;
  if (!comment) return undefined;
  return {
    prompt: text.get('Description') ?? textOf(comment.prompt) ?? '',
    negativePrompt: textOf(comment.uc) ?? '',
    entries: entriesOf({
      Steps: comment.steps,
      Sampler: comment.sampler,
      'CFG scale': comment.scale,
      Seed: comment.seed,
      'Size-1': comment.width,
      'Size-2': comment.height,
      'Clip skip': 2,
      ENSD: 31337,
    }),
  };
}

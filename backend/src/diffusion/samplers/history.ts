import type { SamplerMemory, Tensor } from '@atelier/sdk';

/** What a step leaves for later ones: the level it started from, and the slope or the model's guess there. */
export interface Past {
  sigma: number;
  value: Tensor;
}

/** The past steps that a multistep sampler was resumed with, the latest first. */
export function recall(memory: SamplerMemory | undefined): readonly Past[] {
  const past: Past[] = [];
  for (let ago = 1; memory?.[`sigma${ago}`] !== undefined; ago++) {
    past.push({ sigma: memory[`sigma${ago}`] as number, value: memory[`value${ago}`] as Tensor });
  }
  return past;
}

/** The other way: past steps, the latest first, as memory to be yielded. */
export function remember(past: readonly Past[]): SamplerMemory {
  return Object.fromEntries(
    past.flatMap(({ sigma, value }, index) => [
      [`sigma${index + 1}`, sigma],
      [`value${index + 1}`, value],
    ]),
  );
}

/** The slopes or guesses of past steps alone. */
export function values(past: readonly Past[]): readonly Tensor[] {
  return past.map(({ value }) => value);
}

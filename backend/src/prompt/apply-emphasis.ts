import { emptyLike, type Tensor } from '@atelier/sdk';
import type { EmphasisMode } from './emphasis.js';

/**
 * Lets the weights of a prompt act on its encoding. `Original` brings the mean back to what it was, over the whole
 * tensor and not token by token, as A1111 does. A pooled output is never weighted.
 *
 * @param encoded [batch, tokens, width], what the text encoder made of one chunk of each prompt.
 * @param multipliers One row of `tokens` weights for each prompt of the batch.
 */
export function applyEmphasis(encoded: Tensor, multipliers: readonly (readonly number[])[], mode: EmphasisMode = 'Original'): Tensor {
  const [batch, tokens, width] = encoded.shape;
  if (multipliers.length !== batch || multipliers.some((row) => row.length !== tokens)) {
    throw new RangeError(`An encoding of [${encoded.shape.join(', ')}] needs ${batch} rows of ${tokens} weights.`);
  }
  if (mode === 'Ignore' || mode === 'None' || multipliers.every((row) => row.every((weight) => weight === 1))) return encoded;

  const weighted = emptyLike(encoded);
  let sumBefore = 0;
  let sumAfter = 0;
  for (let at = 0; at < encoded.data.length; at++) {
    const token = Math.floor(at / width);
    weighted.data[at] = encoded.data[at] * multipliers[Math.floor(token / tokens)][token % tokens];
    sumBefore += encoded.data[at];
    sumAfter += weighted.data[at];
  }
  if (mode === 'Original') {
    const restore = sumBefore / sumAfter; // both over the same number of elements, so sums do for means
    for (let at = 0; at < weighted.data.length; at++) weighted.data[at] *= restore;
  }
  return weighted;
}

/** A matrix of whole numbers −127 … 127, each column with the size of one. */
export interface QuantisedMatrix {
  /** [inputs, outputs]. */
  values: Int8Array;
  /** [outputs]. */
  steps: Float32Array;
}

/** How a weight [outputs, channels, places] lies in a file: `places` of a convolution's kernel, 1 of a linear layer. */
export interface WeightSides {
  channels: number;
  places: number;
}

const LARGEST = 127;

/**
 * Rounds some outputs of a weight to whole numbers, symmetrically around 0 and each output for itself, and writes them into their columns
 * of `matrix`. A convolution's inputs are put in another order: place by place of the kernel, in each the channels.
 *
 * An output of which a weight is no number gets a step that is none, so that it shows in what is computed.
 *
 * @param weights [some outputs, channels, places].
 * @param first the column of the first of them.
 */
export function quantiseOutputs(weights: Float32Array, { channels, places }: WeightSides, first: number, matrix: QuantisedMatrix): void {
  const inputs = channels * places;
  const count = weights.length / inputs;
  const outputs = matrix.steps.length;
  const perStep = new Float64Array(count);
  for (let output = 0; output < count; output++) {
    let largest = 0;
    for (let at = output * inputs; at < (output + 1) * inputs; at++) largest = Math.max(largest, Math.abs(weights[at]));
    matrix.steps[first + output] = largest / LARGEST;
    perStep[output] = largest === 0 ? 0 : LARGEST / largest;
  }
  for (let channel = 0; channel < channels; channel++) {
    for (let place = 0; place < places; place++) {
      const from = channel * places + place;
      const to = (place * channels + channel) * outputs + first;
      for (let output = 0; output < count; output++) {
        matrix.values[to + output] = Math.round(weights[output * inputs + from] * perStep[output]);
      }
    }
  }
}

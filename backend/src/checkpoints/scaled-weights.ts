import type { StoredTensor, StoredTensors } from '@atelier/sdk';

/** What ComfyUI and others write beside weights in 8 bits. What a layer's input was divided by matters only to sums in 8 bits, the marker to none. */
const ASIDE = /(^|\.)(scale_weight|scale_input|scaled_fp8)$/;
const WEIGHT = /(^|\.)weight$/;

/** The same tensors, each weight with the factor that lies beside it. */
export function withFactors(tensors: StoredTensors): StoredTensors {
  return new Map(
    [...tensors]
      .filter(([name]) => !ASIDE.test(name))
      .map(([name, stored]): [string, StoredTensor] => {
        const factor = tensors.get(name.replace(WEIGHT, '$1scale_weight'));
        return [name, WEIGHT.test(name) && factor ? { ...stored, factor } : stored];
      }),
  );
}

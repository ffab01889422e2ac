import { bytesField, fieldsOf, message } from './protobuf.js';

/** Fields of `ModelProto`, `GraphProto`, and of `TensorProto` and `ValueInfoProto`. */
const GRAPH = 7;
const [INITIALIZER, INPUT] = [5, 11];
const [TENSOR_NAME, INPUT_NAME] = [8, 1];

/**
 * The same model with weights that cannot be given anew: ONNX Runtime then widens half-precision ones once, while it opens the model,
 * instead of at every run. The copy is what a device with memory of its own has to make anyway, and not every one can widen them itself.
 */
export function withConstantWeights(model: Uint8Array): Uint8Array {
  return message(
    [...fieldsOf(model)].map(({ field, raw, value }) =>
      field === GRAPH ? bytesField(GRAPH, withoutWeightInputs(value as Uint8Array)) : raw,
    ),
  );
}

function withoutWeightInputs(graph: Uint8Array): Uint8Array {
  const fields = [...fieldsOf(graph)];
  const weights = new Set(fields.filter(({ field }) => field === INITIALIZER).map(({ value }) => textIn(value as Uint8Array, TENSOR_NAME)));
  const kept = fields.filter(({ field, value }) => field !== INPUT || !weights.has(textIn(value as Uint8Array, INPUT_NAME)));
  return message(kept.map(({ raw }) => raw));
}

function textIn(bytes: Uint8Array, wanted: number): string | undefined {
  for (const { field, value } of fieldsOf(bytes)) if (field === wanted) return Buffer.from(value as Uint8Array).toString();
  return undefined;
}

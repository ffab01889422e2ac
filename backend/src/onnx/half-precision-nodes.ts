import { weightTypes } from './graph-builder.js';
import { fieldsOf } from './protobuf.js';

/** Fields of `ModelProto`, `GraphProto`, `NodeProto` and `TensorProto`. */
const GRAPH = 7;
const [NODE, INITIALIZER] = [1, 5];
const [NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_OPERATOR] = [1, 2, 3, 4];
const [TENSOR_TYPE, TENSOR_NAME] = [2, 8];

/**
 * Names of the nodes of a model that compute with half-precision numbers: those that read such weights, up to the `Cast` that widens what
 * they made. A `Cast` of a weight itself is none of them, for it is done while the model is opened.
 */
export function halfPrecisionNodes(model: Uint8Array): string[] {
  const graph = partsOf(model, GRAPH).flatMap((bytes) => [...fieldsOf(bytes as Uint8Array)]);
  const messages = (wanted: number) => graph.filter(({ field }) => field === wanted).map(({ value }) => value as Uint8Array);
  const weights = new Set<string>();
  const computed = new Set<string>();
  for (const tensor of messages(INITIALIZER)) {
    if (partsOf(tensor, TENSOR_TYPE)[0] === BigInt(weightTypes.F16)) weights.add(textsOf(tensor, TENSOR_NAME)[0]);
  }
  const names: string[] = [];
  for (const node of messages(NODE)) {
    const inputs = textsOf(node, NODE_INPUT);
    const isCast = textsOf(node, NODE_OPERATOR)[0] === 'Cast';
    if (!inputs.some((input) => computed.has(input) || (weights.has(input) && !isCast))) continue;
    names.push(...textsOf(node, NODE_NAME));
    if (!isCast) for (const output of textsOf(node, NODE_OUTPUT)) computed.add(output);
  }
  return names;
}

function partsOf(bytes: Uint8Array, wanted: number): (bigint | Uint8Array)[] {
  return [...fieldsOf(bytes)].filter(({ field }) => field === wanted).map(({ value }) => value);
}

function textsOf(bytes: Uint8Array, wanted: number): string[] {
  return partsOf(bytes, wanted).map((value) => Buffer.from(value as Uint8Array).toString());
}

import { node, ONNX_OPSET, type Attribute } from './graph-builder.js';
import { bytesField, fieldsOf, integerField, message } from './protobuf.js';

/** Where our own operators are defined: as functions inside the model. */
const DOMAIN = 'atelier';
const FLOAT32 = 1;

/** Fields of `ModelProto`, `GraphProto`, `NodeProto` and `AttributeProto`. */
const GRAPH = 7;
const FUNCTION = 25;
const OPSET_IMPORT = 8;
const NODE = 1;
const [NODE_INPUT, NODE_OPERATOR, NODE_ATTRIBUTE, NODE_DOMAIN] = [1, 4, 5, 7];
const [ATTRIBUTE_NAME, ATTRIBUTE_INTEGER] = [1, 3];

/** The kinds of attention that graphs ask `MultiHeadAttention` for. */
interface Kind {
  isCausal: boolean;
  /** Something is added to the scores: the operator's sixth input. */
  hasBias: boolean;
}
const INPUTS = ['query', 'key', 'value'];
const INPUTS_WITH_BIAS = [...INPUTS, 'bias', 'key_padding_mask', 'attention_bias'];

/**
 * The same model with each `com.microsoft.MultiHeadAttention` spelled out in matrix products and a softmax: for devices on which the
 * fused operator answers wrongly. It holds the whole score matrix [batch, heads, tokens, tokens].
 */
export function composeAttention(model: Uint8Array): Uint8Array {
  const kinds = [true, false].flatMap((isCausal) => [true, false].map((hasBias) => ({ isCausal, hasBias })));
  return message([
    changeEach(model, GRAPH, (graph) => changeEach(graph, NODE, renamed)),
    bytesField(OPSET_IMPORT, message([bytesField(1, DOMAIN), integerField(2, 1)])),
    ...kinds.map((kind) => bytesField(FUNCTION, attentionFunction(kind))),
  ]);
}

/** A node as it is, or as a call of our function. Of fields that stand twice the last one counts. */
function renamed(bytes: Uint8Array): Uint8Array {
  const fields = [...fieldsOf(bytes)];
  const texts = (wanted: number) => fields.filter(({ field }) => field === wanted).map(({ value }) => textOf(value));
  if (texts(NODE_OPERATOR)[0] !== 'MultiHeadAttention') return bytes;
  const isCausal = fields.some(({ field, value }) => field === NODE_ATTRIBUTE && isSet(value as Uint8Array, 'unidirectional'));
  const kind = { isCausal, hasBias: texts(NODE_INPUT).length === INPUTS_WITH_BIAS.length };
  return message([bytes, bytesField(NODE_OPERATOR, nameOf(kind)), bytesField(NODE_DOMAIN, DOMAIN)]);
}

function isSet(attribute: Uint8Array, name: string): boolean {
  const fields = new Map([...fieldsOf(attribute)].map(({ field, value }) => [field, value]));
  return textOf(fields.get(ATTRIBUTE_NAME) ?? '') === name && fields.get(ATTRIBUTE_INTEGER) === 1n;
}

function nameOf({ isCausal, hasBias }: Kind): string {
  return `${isCausal ? 'Causal' : ''}Attention${hasBias ? 'WithBias' : ''}`;
}

/** A `FunctionProto`: softmax(Q Kᵀ / √(head width)) V for every head (Vaswani et al. 2017). */
function attentionFunction(kind: Kind): Uint8Array {
  const nodes: Uint8Array[] = [];
  const add = (operator: string, inputs: readonly string[], output: string, attributes: Readonly<Record<string, Attribute>> = {}) => {
    nodes.push(node(operator, inputs, [output], output, attributes, ''));
    return output;
  };
  const integers = (name: string, values: readonly number[]) => add('Constant', [], name, { value_ints: values });

  const rest = integers('rest', [-1]);
  const heads = add('Reshape', [add('Constant', [], 'head count', { value_int: { integerOf: 'num_heads' } }), rest], 'heads');
  const split = add('Concat', [integers('batch and tokens', [0, 0]), heads, rest], 'split', { axis: 0 });
  const [query, key, value] = INPUTS.map((name) => add('Reshape', [name, split], `${name} by head`)); // [batch, tokens, heads, head width]
  const headsFirst = (name: string, perm: readonly number[]) => add('Transpose', [name], `${name} first`, { perm });

  // the head width as a float32, without a cast, which would leave the device
  const one = add('Constant', [], 'one', { value_float: { float: 1 } });
  const width = add('ReduceSum', [add('Expand', [one, add('Shape', [query], 'head width', { start: 3 })], 'ones')], 'width', {
    keepdims: 1,
  });
  const scaled = add('Div', [headsFirst(query, [0, 2, 1, 3]), add('Sqrt', [width], 'scale')], 'scaled');

  let scores = add('MatMul', [scaled, headsFirst(key, [0, 2, 3, 1])], 'scores'); // [batch, heads, tokens, tokens]
  if (kind.hasBias) scores = add('Add', [scores, 'attention_bias'], 'biased');
  if (kind.isCausal) {
    const ones = add('Expand', [one, add('Shape', [scores], 'sides', { start: 2 })], 'square');
    const countAlong = (axis: number) => add('CumSum', [ones, add('Constant', [], `axis ${axis}`, { value_int: axis })], `place ${axis}`);
    const isLater = add('Cast', [add('Less', [countAlong(0), countAlong(1)], 'later')], 'later as number', { to: FLOAT32 });
    const penalty = add('Mul', [isLater, add('Constant', [], 'minus much', { value_float: { float: -1e9 } })], 'penalty');
    scores = add('Add', [scores, penalty], 'masked');
  }
  const shares = add('Softmax', [scores], 'shares', { axis: -1 });
  const attended = headsFirst(add('MatMul', [shares, headsFirst(value, [0, 2, 1, 3])], 'attended'), [0, 2, 1, 3]);
  add('Reshape', [attended, integers('join', [0, 0, -1])], 'output');

  return message([
    bytesField(1, nameOf(kind)),
    ...(kind.hasBias ? INPUTS_WITH_BIAS : INPUTS).map((name) => bytesField(4, name)),
    bytesField(5, 'output'),
    ...['num_heads', 'unidirectional'].map((name) => bytesField(6, name)),
    ...nodes.map((each) => bytesField(7, each)),
    bytesField(9, message([bytesField(1, ''), integerField(2, ONNX_OPSET)])),
    bytesField(10, DOMAIN),
  ]);
}

/** The message with `change` applied to each of its fields of that number. */
function changeEach(bytes: Uint8Array, wanted: number, change: (value: Uint8Array) => Uint8Array): Uint8Array {
  return message(
    [...fieldsOf(bytes)].map(({ field, raw, value }) => (field === wanted ? bytesField(field, change(value as Uint8Array)) : raw)),
  );
}

function textOf(value: bigint | Uint8Array | string): string {
  return Buffer.from(value as Uint8Array).toString();
}

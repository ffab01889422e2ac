import path from 'node:path';
import type { DeviceGraph } from '@atelier/sdk/contracts';
import { bytesField, floatField, integerField, message } from './protobuf.js';

/** The name of a tensor inside a graph. */
export type Value = string & { readonly value: unique symbol };

/** Element types of weights, as `.safetensors` names them, with their number in ONNX. */
export const weightTypes = { F32: 1, F16: 10, BF16: 16, F8_E4M3: 17, F8_E5M2: 19 } as const;
export type WeightType = keyof typeof weightTypes;
/** Weights may also be read as bytes, whose meaning the graph looks up itself, or as whole numbers that it multiplies with. */
const storedTypes = { ...weightTypes, U8: 2, I8: 3 } as const;

const elementTypes = { float32: 1, int32: 6, int64: 7 } as const;
type ElementType = keyof typeof elementTypes;
const FLOAT16 = 10;
const LARGEST_FLOAT16 = 65504;

/** What reals are computed in. */
export type Arithmetic = 'float32' | 'float16';

/** What is known of a value: whole numbers; reals in the graph's arithmetic; reals in float32 whatever that is; constants fit either. */
type Kind = 'whole' | 'real' | 'exact' | 'constant';

/** Numbers as the bytes of each type. */
const constantBytes: Record<ElementType, (values: readonly number[]) => Float32Array | Int32Array | BigInt64Array> = {
  float32: (values) => Float32Array.from(values),
  int32: (values) => Int32Array.from(values),
  int64: (values) => BigInt64Array.from(values, BigInt),
};

/** Where the bytes of a weight lie. `dims` may read them in another shape than the file's header says. */
export interface WeightInPlace {
  /** Absolute, with links resolved: ONNX Runtime refuses a link that leaves the weights folder. */
  file: string;
  offset: number;
  length: number;
  type: WeightType;
  dims: readonly number[];
}

/** A finished model: everything but the weights, which stay in files below `weightsFolder`. */
export type GraphSpec = DeviceGraph;

/** A side of an input: a number, or a name for what is only known when the model runs. */
export type Side = number | string;
/** The last is an attribute of a function, named in one of its nodes. */
export type Attribute = number | string | readonly number[] | { float: number } | { integerOf: string };

interface Weight extends Omit<WeightInPlace, 'type'> {
  name: string;
  type: keyof typeof storedTypes;
}

interface Node {
  inputs: readonly string[];
  outputs: readonly string[];
  /** A `NodeProto`. */
  bytes: Uint8Array;
}

export const ONNX_OPSET = 19;
const IR_VERSION = 9;

/**
 * Writes an ONNX graph node by node. Weights are referred to by file, offset and length and never read.
 *
 * Every method that adds a node returns the node's output. `name` of a node is where it belongs in the model
 * (`input_blocks.1.0.in_layers.2`), so that ONNX Runtime's errors and profiles can be read.
 *
 * Inputs and outputs are float32. What is between may be float16: then inputs and weights are narrowed, and what must not be, starts
 * from `exactInput` or `exactly` and ends with `narrowed`.
 */
export class GraphBuilder {
  private readonly nodes: Node[] = [];
  /** How many nodes there were at each yield point. */
  private readonly yieldPoints: number[] = [];
  private readonly kinds = new Map<string, Kind>();
  private readonly inputs = new Map<string, Uint8Array>();
  private readonly outputs = new Map<string, Uint8Array>();
  private readonly weights = new Map<string, Weight>();
  private readonly constants = new Map<string, Uint8Array>();
  private readonly convertedWeights = new Map<string, Value>();
  private readonly nodeNames = new Map<string, number>();
  private readonly realType: number;

  constructor(
    private readonly name: string,
    arithmetic: Arithmetic = 'float32',
  ) {
    this.realType = arithmetic === 'float16' ? FLOAT16 : elementTypes.float32;
  }

  /** An input, of which reals come as float32 and are computed with in the graph's arithmetic. */
  input(name: string, type: ElementType, shape: readonly Side[]): Value {
    this.inputs.set(name, valueInfo(name, elementTypes[type], shape));
    if (type !== 'float32') return this.known(name, 'whole');
    return this.narrowed(this.known(name, 'exact'), name);
  }

  /** An input that is computed with in float32: what becomes the angle of a wave. */
  exactInput(name: string, shape: readonly Side[]): Value {
    this.inputs.set(name, valueInfo(name, elementTypes.float32, shape));
    return this.known(name, 'exact');
  }

  /** Makes `value` an output called `name`, of type float32. */
  output(name: string, value: Value, shape: readonly Side[]): void {
    const isWide = this.realType === elementTypes.float32 || this.kinds.get(value) === 'exact';
    const [operator, attributes] = isWide ? ['Identity', {}] : ['Cast', { to: elementTypes.float32 }];
    this.nodes.push({ inputs: [value], outputs: [name], bytes: node(operator, [value], [name], `${name}/output`, attributes, '') });
    this.outputs.set(name, valueInfo(name, elementTypes.float32, shape));
  }

  /** A weight in the graph's arithmetic. One that is stored otherwise is converted whenever the model runs, so that the file stays mapped. */
  weight(name: string, source: WeightInPlace): Value {
    const value = this.storedWeight(name, source);
    const converted = this.convertedWeights.get(name) ?? this.fromStored(value, source.type, name);
    this.convertedWeights.set(name, converted);
    return converted;
  }

  /** Numbers of a weight's type in the graph's arithmetic. */
  fromStored(x: Value, type: WeightType, at: string): Value {
    return weightTypes[type] === this.realType ? x : this.cast(x, at);
  }

  /** A weight in the element type it is stored in, or as bytes or whole numbers: for a table of which few rows are used, or sums of whole numbers. */
  storedWeight(name: string, source: Omit<Weight, 'name'>): Value {
    this.weights.set(name, { ...source, name });
    return this.known(name, source.type === 'I8' ? 'whole' : 'real');
  }

  /** As reals in the graph's arithmetic. */
  cast(x: Value, at: string): Value {
    return this.known(this.node('Cast', [x], { to: this.realType }, at), 'real');
  }

  /** As whole numbers. */
  toWhole(x: Value, at: string, type: 'int32' | 'int64'): Value {
    return this.known(this.node('Cast', [x], { to: elementTypes[type] }, at), 'whole');
  }

  /** Whole numbers as float32, whatever the graph's arithmetic is. */
  exactly(whole: Value, at: string): Value {
    return this.known(this.node('Cast', [whole], { to: elementTypes.float32 }, at), 'exact');
  }

  /** Exact reals in the graph's arithmetic. */
  narrowed(x: Value, at: string): Value {
    if (this.kinds.get(x) !== 'exact') return x;
    if (this.realType !== elementTypes.float32) return this.cast(x, at);
    return this.known(x, 'real');
  }

  /** A small list of integers or reals written into the graph itself. Equal ones are written once. */
  constant(type: ElementType, values: readonly number[], dims: readonly number[] = [values.length]): Value {
    const name = `${type}[${dims.join(',')}](${values.join(',')})`;
    if (!this.constants.has(name)) {
      const data = constantBytes[type](values);
      const tensor = [
        ...dims.map((dim) => integerField(1, dim)),
        integerField(2, elementTypes[type]),
        bytesField(8, name),
        bytesField(9, new Uint8Array(data.buffer)),
      ];
      this.constants.set(name, message(tensor));
    }
    return this.known(name, type === 'float32' ? 'constant' : 'whole');
  }

  /**
   * Adds a node with one output. An empty `input` stands for an optional one that is left out.
   *
   * @throws TypeError when reals of both kinds come together: one of them has to be `narrowed`.
   */
  node(operator: string, inputs: readonly (Value | '')[], attributes: Readonly<Record<string, Attribute>>, at: string, domain = ''): Value {
    const name = this.unusedName(`${at}/${operator}`);
    const kinds = inputs.map((input) => this.kinds.get(input));
    const [isExact, isReal] = [kinds.includes('exact'), kinds.includes('real')];
    if (isExact && isReal) throw new TypeError(`${name} mixes reals in float32 with reals in the graph's arithmetic.`);
    const keepsConstants = this.realType === elementTypes.float32 || isExact || ['Resize', 'Cast'].includes(operator); // a Resize's factors are float32
    const fitting = keepsConstants ? inputs : inputs.map((input, i) => (kinds[i] === 'constant' ? this.cast(input as Value, at) : input));
    this.nodes.push({ inputs: fitting, outputs: [name], bytes: node(operator, fitting, [name], name, attributes, domain) });
    const isWhole = ['Shape', 'ArgMax'].includes(operator) || !(isExact || isReal || kinds.includes('constant'));
    return this.known(name, isWhole ? 'whole' : isExact ? 'exact' : 'real');
  }

  add(a: Value, b: Value, at: string): Value {
    return this.node('Add', [a, b], {}, at);
  }

  multiply(a: Value, b: Value, at: string): Value {
    return this.node('Mul', [a, b], {}, at);
  }

  concat(parts: readonly Value[], axis: number, at: string): Value {
    return this.node('Concat', parts, { axis }, at);
  }

  transpose(x: Value, order: readonly number[], at: string): Value {
    return this.node('Transpose', [x], { perm: order }, at);
  }

  /** Sides `from` to `to` (exclusive) of a tensor's shape, as int64. */
  shapeOf(x: Value, at: string, from = 0, to?: number): Value {
    return this.node('Shape', [x], to === undefined ? { start: from } : { start: from, end: to }, at);
  }

  /** `sides`: 0 keeps a side, −1 is what remains; or a value that holds the shape. */
  reshape(x: Value, sides: readonly number[] | Value, at: string): Value {
    return this.node('Reshape', [x, typeof sides === 'string' ? sides : this.constant('int64', sides)], {}, at);
  }

  /** `x` [rows, in] times `weight` [out, in] as PyTorch stores it, plus `bias` [out]. */
  gemm(x: Value, weight: Value, bias: Value | undefined, at: string): Value {
    return this.node('Gemm', bias === undefined ? [x, weight] : [x, weight, bias], { transB: 1 }, at);
  }

  /** `x` [rows, in] times `weight` [in, out], whole numbers of the size `steps` [out]; `x` is rounded to whole numbers of 8 bits when the model runs. */
  quantisedGemm(x: Value, { weight, steps, bias }: { weight: Value; steps: Value; bias?: Value }, at: string): Value {
    return this.node('DynamicQuantizeMatMul', [x, weight, steps, '', ...(bias === undefined ? [] : [bias])], {}, at, 'com.microsoft');
  }

  /** Reals as whole numbers 0 … 255, with the size of one and which of them stands for 0: both are chosen to fit when the model runs. */
  quantised(x: Value, at: string): { values: Value; step: Value; zero: Value } {
    const name = this.unusedName(`${at}/DynamicQuantizeLinear`);
    const [step, zero] = [`${name}:step`, `${name}:zero`];
    const outputs = [name, step, zero];
    this.nodes.push({ inputs: [x], outputs, bytes: node('DynamicQuantizeLinear', [x], outputs, name, {}, '') });
    return { values: this.known(name, 'whole'), step: this.known(step, 'real'), zero: this.known(zero, 'whole') };
  }

  /** Convolution of [batch, in, height, width]. `pads` are top, left, bottom, right. */
  conv(x: Value, weight: Value, bias: Value | undefined, geometry: { stride?: number; pads: readonly number[] }, at: string): Value {
    const { stride = 1, pads } = geometry;
    return this.node('Conv', bias === undefined ? [x, weight] : [x, weight, bias], { strides: [stride, stride], pads }, at);
  }

  /** Normalises groups of channels (Wu & He 2018). `scale` and `bias` are [channels, 1, 1]. */
  groupNorm(x: Value, scale: Value, bias: Value, options: { groups: number; epsilon: number }, at: string): Value {
    const { groups, epsilon } = options;
    const ones = this.constant('float32', Array<number>(groups).fill(1));
    const zeros = this.constant('float32', Array<number>(groups).fill(0));
    const grouped = this.reshape(x, [0, groups, -1], at); // [batch, groups, channels / groups · height · width]
    const normal = this.node('InstanceNormalization', [grouped, ones, zeros], { epsilon: { float: epsilon } }, at);
    const restored = this.reshape(normal, this.shapeOf(x, at), at);
    return this.add(this.multiply(restored, scale, at), bias, at);
  }

  /** Normalises the last axis (Ba et al. 2016). */
  layerNorm(x: Value, scale: Value, bias: Value, epsilon: number, at: string): Value {
    return this.node('LayerNormalization', [x, scale, bias], { axis: -1, epsilon: { float: epsilon } }, at);
  }

  /** x · sigmoid(x). */
  silu(x: Value, at: string): Value {
    return this.quickGelu(x, 1, at);
  }

  /** x · sigmoid(alpha · x); with alpha 1.702 it is OpenAI's approximation of GELU. */
  quickGelu(x: Value, alpha: number, at: string): Value {
    return this.node('QuickGelu', [x], { alpha: { float: alpha } }, at, 'com.microsoft');
  }

  /** GELU by the error function. */
  gelu(x: Value, at: string): Value {
    return this.node('Gelu', [x], {}, at, 'com.microsoft');
  }

  /** GELU by the hyperbolic tangent, as transformers of text and pictures have it. */
  tanhGelu(x: Value, at: string): Value {
    return this.node('FastGelu', [x], {}, at, 'com.microsoft');
  }

  /** Softmax attention with scores scaled by 1 / √(head width). All are [batch, tokens, heads · head width]. */
  attention(query: Value, key: Value, value: Value, options: { heads: number; isCausal?: boolean }, at: string): Value {
    const attributes = { num_heads: options.heads, unidirectional: options.isCausal ? 1 : 0 };
    return this.node('MultiHeadAttention', [query, key, value], attributes, at, 'com.microsoft');
  }

  /** Holds float16 numbers back from becoming infinite, as ComfyUI does where the weights were trained with a wider range. */
  bounded(x: Value, at: string): Value {
    if (this.realType === elementTypes.float32) return x;
    const bounds = [-LARGEST_FLOAT16, LARGEST_FLOAT16].map((bound) => this.constant('float32', [bound], []));
    return this.node('Clip', [x, ...bounds], {}, at);
  }

  /** Enlarges by repeating pixels; to twice the size, or to the height and width of `like`. */
  enlarge(x: Value, like: Value | 'twice', at: string): Value {
    const nearest = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
    if (like === 'twice') return this.node('Resize', [x, '', this.constant('float32', [1, 1, 2, 2])], nearest, at);
    // by Gather: of a tensor without a known shape, ONNX Runtime 1.30 takes a range of sides for none while it lays out prepacked weights
    const sides = (of: Value, axes: readonly number[]) =>
      this.node('Gather', [this.shapeOf(of, at), this.constant('int64', axes)], { axis: 0 }, at);
    const sizes = this.concat([sides(x, [0, 1]), sides(like, [2, 3])], 0, at);
    return this.node('Resize', [x, '', '', sizes], nearest, at);
  }

  /** Marks a place where the graph may be cut. It changes no number. */
  yieldPoint(): void {
    this.yieldPoints.push(this.nodes.length);
  }

  /** Cuts the graph into at most so many pieces, with about equally many yield points in each. */
  finish({ mostPieces = 1 }: { mostPieces?: number } = {}): GraphSpec {
    const weightsFolder = commonFolder([...this.weights.values()].map(({ file }) => file));
    const parts = this.cut(mostPieces);
    const outputs = new Set(this.outputs.keys());
    const pieces = parts.map((nodes, i) => {
      const made = new Set(nodes.flatMap(({ outputs }) => outputs));
      const neededLater = new Set(parts.slice(i + 1).flatMap((later) => later.flatMap(({ inputs }) => inputs)));
      const used = new Set(nodes.flatMap(({ inputs }) => inputs));
      const isFromElsewhere = (name: string) => name !== '' && !made.has(name) && !this.weights.has(name) && !this.constants.has(name);
      return this.piece(nodes, {
        weightsFolder,
        used,
        // a graph of one piece keeps inputs that nothing reads: whoever runs it gives them all
        inputs: parts.length === 1 ? [...this.inputs.keys()] : [...used].filter(isFromElsewhere),
        outputs: [...made].filter((name) => neededLater.has(name) || outputs.has(name)),
      });
    });
    return { name: this.name, pieces, weightsFolder, inputs: [...this.inputs.keys()], outputs: [...outputs] };
  }

  /** The nodes of each piece. */
  private cut(mostPieces: number): Node[][] {
    const marks = this.yieldPoints.filter((at) => at > 0 && at < this.nodes.length);
    const count = Math.min(mostPieces, marks.length + 1);
    const cuts = Array.from({ length: count - 1 }, (_, i) => marks[Math.round(((i + 1) * (marks.length + 1)) / count) - 1]);
    const bounds = [0, ...cuts, this.nodes.length];
    return bounds.slice(1).map((end, i) => this.nodes.slice(bounds[i], end));
  }

  private piece(
    nodes: readonly Node[],
    { weightsFolder, used, inputs, outputs }: { weightsFolder: string; used: ReadonlySet<string>; inputs: string[]; outputs: string[] },
  ): GraphSpec['pieces'][number] {
    const weights = [...this.weights.values()].filter(({ name }) => used.has(name));
    // A weight of 16 or 8 bits is listed as an input too: "overridable", it is no constant, and its Cast is not folded into a copy.
    const overridable = weights
      .filter(({ type }) => type !== 'F32' && type !== 'I8')
      .map(({ name, type, dims }) => valueInfo(name, storedTypes[type], dims));
    const inner = (name: string) => valueInfo(name, this.elementTypeOf(name));
    const graph = message([
      ...this.conversionsFirst(nodes).map(({ bytes }) => bytesField(1, bytes)),
      bytesField(2, this.name),
      ...weights.map((weight) => bytesField(5, tensorInPlace(weight, weightsFolder))),
      ...[...this.constants].filter(([name]) => used.has(name)).map(([, each]) => bytesField(5, each)),
      ...[...inputs.map((name) => this.inputs.get(name) ?? inner(name)), ...overridable].map((each) => bytesField(11, each)),
      ...outputs.map((name) => bytesField(12, this.outputs.get(name) ?? inner(name))),
    ]);
    const bytes = message([
      integerField(1, IR_VERSION),
      bytesField(2, 'atelier'),
      bytesField(7, graph),
      bytesField(8, message([bytesField(1, ''), integerField(2, ONNX_OPSET)])),
      bytesField(8, message([bytesField(1, 'com.microsoft'), integerField(2, 1)])),
    ]);
    return { bytes, inputs, outputs, weightBytes: weights.reduce((sum, { length }) => sum + length, 0) };
  }

  /**
   * Nodes that compute from weights alone, such as a Cast, before all others. Of the nodes that a node needs, ONNX Runtime runs those
   * first that are written last: conversions written where they are used would all run at the start, and every weight of the piece be in
   * memory twice. So they run one by one, each right before the node that needs it.
   */
  private conversionsFirst(nodes: readonly Node[]): Node[] {
    const fromWeights = new Set(['', ...this.weights.keys(), ...this.constants.keys()]);
    const [conversions, others]: [Node[], Node[]] = [[], []];
    for (const node of nodes) {
      const isConversion = node.inputs.every((input) => fromWeights.has(input));
      (isConversion ? conversions : others).push(node);
      if (isConversion) for (const output of node.outputs) fromWeights.add(output);
    }
    return [...conversions, ...others];
  }

  private known(name: string, kind: Kind): Value {
    this.kinds.set(name, kind);
    return name as Value;
  }

  private elementTypeOf(name: string): number {
    const kind = this.kinds.get(name);
    return kind === 'whole' ? elementTypes.int64 : kind === 'exact' ? elementTypes.float32 : this.realType;
  }

  private unusedName(wanted: string): string {
    const count = (this.nodeNames.get(wanted) ?? 0) + 1;
    this.nodeNames.set(wanted, count);
    return count === 1 ? wanted : `${wanted}.${count}`;
  }
}

/** A `NodeProto`. Its outputs may have other names than the node. */
export function node(
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  name: string,
  attributes: Readonly<Record<string, Attribute>>,
  domain: string,
): Uint8Array {
  return message([
    ...inputs.map((input) => bytesField(1, input)),
    ...outputs.map((output) => bytesField(2, output)),
    bytesField(3, name),
    bytesField(4, operator),
    ...Object.entries(attributes).map(([key, value]) => bytesField(5, attribute(key, value))),
    bytesField(7, domain),
  ]);
}

/** An `AttributeProto`. The last field is the attribute's type: 1 float, 2 integer, 3 text, 7 integers. */
function attribute(name: string, value: Attribute): Uint8Array {
  const named = bytesField(1, name);
  if (typeof value === 'number') return message([named, integerField(3, value), integerField(20, 2)]);
  if (typeof value === 'string') return message([named, bytesField(4, value), integerField(20, 3)]);
  if ('integerOf' in value) return message([named, bytesField(21, value.integerOf), integerField(20, 2)]);
  if ('float' in value) return message([named, floatField(2, value.float), integerField(20, 1)]);
  return message([named, ...value.map((each) => integerField(8, each)), integerField(20, 7)]);
}

/** A `ValueInfoProto` of a tensor; without a shape, of any. */
function valueInfo(name: string, elementType: number, shape?: readonly Side[]): Uint8Array {
  const sides = shape?.map((side) => bytesField(1, typeof side === 'number' ? integerField(1, side) : bytesField(2, side)));
  const tensorType = message([integerField(1, elementType), ...(sides ? [bytesField(2, message(sides))] : [])]);
  return message([bytesField(1, name), bytesField(2, bytesField(1, tensorType))]);
}

/** A `TensorProto` whose bytes stay in the checkpoint. */
function tensorInPlace({ name, type, dims, file, offset, length }: Weight, folder: string): Uint8Array {
  const location = path.relative(folder, file).split(path.sep).join('/');
  const entry = (key: string, value: string | number) => bytesField(13, message([bytesField(1, key), bytesField(2, String(value))]));
  return message([
    ...dims.map((dim) => integerField(1, dim)),
    integerField(2, storedTypes[type]),
    bytesField(8, name),
    entry('location', location),
    entry('offset', offset),
    entry('length', length),
    integerField(14, 1), // data_location: EXTERNAL
  ]);
}

/** The deepest folder that holds all the files; of none, the root. */
function commonFolder(files: readonly string[]): string {
  const [first, ...rest] = files.map((file) => path.dirname(file));
  if (first === undefined) return path.parse(process.cwd()).root;
  const holds = (folder: string) =>
    rest.every((other) => other === folder || other.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep));
  let folder = first;
  while (!holds(folder) && path.dirname(folder) !== folder) folder = path.dirname(folder);
  return folder;
}

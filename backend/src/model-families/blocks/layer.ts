import { fail, type Component, type StoredTensor } from '@atelier/sdk';
import { CheckpointIncomplete, WeightTypeNotBuilt } from '../../checkpoints/errors.js';
import { rowPieces } from '../../checkpoints/layouts/layout.js';
import { float8Values, isFloat8 } from '../../checkpoints/narrow-floats.js';
import { weightTypes, type GraphBuilder, type Value, type WeightInPlace, type WeightType } from '../../onnx/graph-builder.js';
import { quantisedConv } from './quantised-conv.js';

/**
 * A place in a network's tree of names, and the layers one can apply there: what a module is in PyTorch.
 * `unet.at('time_embed.0').linear(x)` uses `time_embed.0.weight` and `.bias`.
 */
export class Layer {
  constructor(
    readonly graph: GraphBuilder,
    private readonly component: Component,
    /** Where this is inside the model, as nodes are named. */
    readonly path = '',
  ) {}

  at(name: string | number): Layer {
    return new Layer(this.graph, this.component, this.path === '' ? String(name) : `${this.path}.${name}`);
  }

  has(name: string): boolean {
    return this.component.tensors.has(this.fullName(name));
  }

  /** [batch, in, height, width] to [batch, out, height / stride, width / stride]; the kernel keeps the size unless `pads` say otherwise. */
  conv(x: Value, { stride = 1, pads, hasBias = true }: { stride?: number; pads?: readonly number[]; hasBias?: boolean } = {}): Value {
    const { shape } = this.stored('weight', 4);
    const [top, left] = [(shape[2] - 1) / 2, (shape[3] - 1) / 2];
    const bias = hasBias ? this.weight('bias') : undefined;
    const geometry = { kernel: [shape[2], shape[3]] as const, stride, pads: pads ?? [top, left, top, left] };
    const quantised = this.quantised(0, shape[0]);
    if (quantised) return quantisedConv(this.graph, x, { ...quantised, bias }, geometry, this.path);
    return this.graph.conv(x, this.weight('weight'), bias, geometry, this.path);
  }

  /** [rows, in] to [rows, out]. A 1×1 convolution's weight is the same matrix and may stand here too. */
  linear(x: Value): Value {
    const { shape } = this.stored('weight', 2, 4);
    return this.linearRows(x, 0, shape[0]);
  }

  /**
   * As `linear`, with output rows `from` to `to` (exclusive) of the weight only; they are read in place, from several places where they lie
   * apart, and multiplied by the factor that each of them may have.
   */
  linearRows(x: Value, from: number, to: number): Value {
    const weights = rowPieces(this.stored('weight', 2, 4), from, to);
    const biases = this.has('bias') ? rowPieces(this.stored('bias', 1), from, to) : [];
    const quantised = this.quantised(from, to);
    if (quantised) return this.graph.quantisedGemm(x, { ...quantised, bias: this.oneBelowTheOther(biases) }, this.path);
    const parts = weights.map((weight, i) => {
      const [rows, ...rest] = weight.shape;
      const matrix = this.inPlace(weight, [rows, rest.reduce((size, side) => size * side, 1)]);
      const bias = biases.length > 0 ? this.inPlace(biases[i], biases[i].shape) : undefined;
      if (!weight.factor) return this.graph.gemm(x, matrix, bias, this.path);
      const product = this.scaled(this.graph.gemm(x, matrix, undefined, this.path), weight);
      return bias === undefined ? product : this.graph.add(product, bias, this.path);
    });
    return parts.length === 1 ? parts[0] : this.graph.concat(parts, 1, this.path);
  }

  /** The copy in 8 bits that the weight's rows may have. */
  private quantised(from: number, to: number): { weight: Value; steps: Value } | undefined {
    const copy = this.component.quantised?.({ name: this.fullName('weight'), weight: this.stored('weight', 2, 4), from, to });
    if (!copy) return undefined;
    const { file, offset, length, shape } = copy.values;
    const weight = this.graph.storedWeight(nameOf(copy.values), { file, offset, length, type: 'I8', dims: shape });
    return { weight, steps: this.inPlace(copy.steps, copy.steps.shape) };
  }

  private oneBelowTheOther(parts: readonly StoredTensor[]): Value | undefined {
    const values = parts.map((part) => this.inPlace(part, part.shape));
    return values.length > 1 ? this.graph.concat(values, 0, this.path) : values[0];
  }

  /** How many outputs `linear` has. */
  get outputWidth(): number {
    return this.stored('weight', 2, 4).shape[0];
  }

  groupNorm(x: Value, epsilon: number): Value {
    const perChannel = (name: string) => this.weight(name, [this.stored(name, 1).shape[0], 1, 1]);
    return this.graph.groupNorm(x, perChannel('weight'), perChannel('bias'), { groups: 32, epsilon }, this.path);
  }

  layerNorm(x: Value): Value {
    return this.graph.layerNorm(x, this.weight('weight'), this.weight('bias'), 1e-5, this.path);
  }

  /** Rows of the table [entries, width] by their number. Only the rows that are looked up are widened. */
  embedding(rows: Value): Value {
    const { graph, path } = this;
    const stored = this.stored('weight', 2);
    const source = this.source(stored);
    // ONNX Runtime looks up no floats of 8 bits: their bytes are, and then what each byte means
    const table = graph.storedWeight(nameOf(stored), isFloat8(stored.type) ? { ...source, type: 'U8' } : source);
    const found = graph.node('Gather', [table, rows], { axis: 0 }, path);
    const numbers = isFloat8(stored.type)
      ? graph.node('Gather', [graph.constant('float32', [...float8Values[stored.type]]), graph.toWhole(found, path, 'int32')], {}, path)
      : graph.fromStored(found, source.type, path);
    return this.scaled(numbers, stored);
  }

  /** The whole tensor, read in the shape `dims`. */
  weight(name: string, dims?: readonly number[]): Value {
    const stored = this.stored(name);
    return this.scaled(this.inPlace(stored, dims ?? stored.shape), stored);
  }

  private scaled(value: Value, { factor }: StoredTensor): Value {
    return factor ? this.graph.multiply(value, this.inPlace(factor, [1]), this.path) : value;
  }

  private inPlace(stored: StoredTensor, dims: readonly number[]): Value {
    return this.graph.weight(`${nameOf(stored)} [${dims.join(',')}]`, { ...this.source(stored), dims });
  }

  private source({ file, name, type, shape, offset, length }: StoredTensor): WeightInPlace {
    if (!isWeightType(type)) throw new WeightTypeNotBuilt(file, name, type);
    return { file, offset, length, type, dims: shape };
  }

  /** The tensor's place in the file. With `ranks`, it must have one of these numbers of axes. */
  private stored(name: string, ...ranks: number[]): StoredTensor {
    const { file, tensors } = this.component;
    const stored = tensors.get(this.fullName(name)) ?? fail(new CheckpointIncomplete(file, `it has no tensor "${this.fullName(name)}".`));
    if (ranks.length > 0 && !ranks.includes(stored.shape.length)) {
      const shape = stored.shape.join(', ');
      throw new CheckpointIncomplete(file, `tensor "${stored.name}" has the shape [${shape}], not ${ranks.join(' or ')} axes.`);
    }
    return stored;
  }

  private fullName(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** Names of weights within a graph: unique also where one file lends rows of a tensor twice. */
function nameOf({ name, offset }: StoredTensor): string {
  return `${name}@${offset}`;
}

function isWeightType(type: string): type is WeightType {
  return Object.hasOwn(weightTypes, type);
}

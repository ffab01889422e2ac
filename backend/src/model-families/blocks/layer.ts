import { CheckpointIncomplete, WeightTypeNotBuilt } from '../../checkpoints/errors.js';
import type { Checkpoint, StoredTensor } from '../../checkpoints/safetensors-header.js';
import { weightTypes, type GraphBuilder, type Value, type WeightInPlace, type WeightType } from '../../onnx/graph-builder.js';

/**
 * A place in a checkpoint's tree of names, and the layers one can apply there: what a module is in PyTorch.
 * `unet.at('time_embed.0').linear(x)` uses `time_embed.0.weight` and `.bias`.
 */
export class Layer {
  constructor(
    readonly graph: GraphBuilder,
    private readonly checkpoint: Checkpoint,
    /** What the file puts before all names, with its dot. */
    private readonly prefix: string,
    /** Where this is inside the model, as nodes are named. */
    readonly path = '',
  ) {}

  at(name: string | number): Layer {
    return new Layer(this.graph, this.checkpoint, this.prefix, this.path === '' ? String(name) : `${this.path}.${name}`);
  }

  has(name: string): boolean {
    return this.checkpoint.tensors.has(this.fullName(name));
  }

  /** [batch, in, height, width] to [batch, out, height / stride, width / stride]; the kernel keeps the size unless `pads` say otherwise. */
  conv(x: Value, { stride = 1, pads }: { stride?: number; pads?: readonly number[] } = {}): Value {
    const { shape } = this.stored('weight', 4);
    const [top, left] = [(shape[2] - 1) / 2, (shape[3] - 1) / 2];
    return this.graph.conv(x, this.weight('weight'), this.weight('bias'), { stride, pads: pads ?? [top, left, top, left] }, this.path);
  }

  /** [rows, in] to [rows, out]. A 1×1 convolution's weight is the same matrix and may stand here too. */
  linear(x: Value): Value {
    const { shape } = this.stored('weight', 2, 4);
    return this.linearRows(x, 0, shape[0]);
  }

  /** As `linear`, with output rows `from` to `to` (exclusive) of the weight only; they are read in place. */
  linearRows(x: Value, from: number, to: number): Value {
    const weight = this.rowsOf('weight', from, to);
    const bias = this.has('bias') ? this.rowsOf('bias', from, to) : undefined;
    return this.graph.gemm(x, weight, bias, this.path);
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
    const stored = this.stored('weight', 2);
    const name = this.fullName('weight');
    const found = this.graph.node('Gather', [this.graph.storedWeight(name, this.inPlace(stored)), rows], { axis: 0 }, this.path);
    return stored.type === 'F32' ? found : this.graph.cast(found, this.path);
  }

  /** The whole tensor as float32, read in the shape `dims`. */
  weight(name: string, dims?: readonly number[]): Value {
    const stored = this.stored(name);
    const asStored = dims === undefined;
    return this.graph.weight(asStored ? stored.name : `${stored.name} [${dims.join(',')}]`, {
      ...this.inPlace(stored),
      dims: dims ?? stored.shape,
    });
  }

  private rowsOf(name: string, from: number, to: number): Value {
    const stored = this.stored(name);
    const [rows, ...rest] = stored.shape;
    const dims = rest.length === 0 ? [to - from] : [to - from, rest.reduce((size, side) => size * side)];
    const rowBytes = stored.length / rows;
    const part = { ...this.inPlace(stored), dims, offset: stored.offset + from * rowBytes, length: (to - from) * rowBytes };
    return this.graph.weight(`${stored.name} [${from}:${to}]`, part);
  }

  private inPlace({ name, type, shape, offset, length }: StoredTensor): WeightInPlace {
    if (!isWeightType(type)) throw new WeightTypeNotBuilt(this.checkpoint.file, name, type);
    return { file: this.checkpoint.file, offset, length, type, dims: shape };
  }

  /** The tensor's place in the file. With `ranks`, it must have one of these numbers of axes. */
  private stored(name: string, ...ranks: number[]): StoredTensor {
    const fullName = this.fullName(name);
    const stored = this.checkpoint.tensors.get(fullName);
    if (!stored) throw new CheckpointIncomplete(this.checkpoint.file, `it has no tensor "${fullName}".`);
    if (ranks.length > 0 && !ranks.includes(stored.shape.length)) {
      throw new CheckpointIncomplete(
        this.checkpoint.file,
        `tensor "${fullName}" has the shape [${stored.shape.join(', ')}], not ${ranks.join(' or ')} axes.`,
      );
    }
    return stored;
  }

  private fullName(name: string): string {
    return this.prefix + (this.path === '' ? name : `${this.path}.${name}`);
  }
}

function isWeightType(type: string): type is WeightType {
  return Object.hasOwn(weightTypes, type);
}

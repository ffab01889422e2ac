/** Elements of a tensor: float32 in the pipeline, float64 where a test wants the exact mathematics. */
export type TensorData = Float32Array | Float64Array;

/** A dense, row-major array. Functions on it never change their arguments. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** A tensor over `data` (not copied). Throws a RangeError when the shape does not hold exactly that many elements. */
export function tensor(shape: readonly number[], data: TensorData): Tensor {
  if (sizeOf(shape) !== data.length) throw new RangeError(`Shape [${shape.join(', ')}] does not hold ${data.length} elements.`);
  return { shape, data };
}

/** How many elements a shape holds. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, side) => size * side, 1);
}

/** Zeros of that shape, float32. */
export function zeros(shape: readonly number[]): Tensor {
  return { shape, data: new Float32Array(sizeOf(shape)) };
}

/** An empty tensor of the same shape and element type. */
export function emptyLike(like: Tensor): Tensor {
  const Data = like.data.constructor as new (length: number) => TensorData;
  return { shape: like.shape, data: new Data(like.data.length) };
}

/** `x + y · factor`. */
export function addScaled(x: Tensor, y: Tensor, factor: number): Tensor {
  return combine([x, y], [1, factor]);
}

/** `x · factor`. */
export function scale(x: Tensor, factor: number): Tensor {
  return combine([x], [factor]);
}

/** `x + y`. */
export function add(x: Tensor, y: Tensor): Tensor {
  return combine([x, y], [1, 1]);
}

/** `x − y`. */
export function subtract(x: Tensor, y: Tensor): Tensor {
  return combine([x, y], [1, -1]);
}

/** The sum of `weights[i] · terms[i]`, each element summed in float64 and rounded once. All terms have one shape. */
export function combine(terms: readonly Tensor[], weights: readonly number[]): Tensor {
  const out = emptyLike(terms[0]);
  for (const term of terms) {
    if (term.data.length !== out.data.length) {
      throw new RangeError(`Cannot combine shapes [${terms.map((each) => each.shape.join(', ')).join('] and [')}].`);
    }
  }
  const { data } = out;
  if (terms.length === 1) {
    const [a] = terms;
    for (let i = 0; i < data.length; i++) data[i] = weights[0] * a.data[i];
  } else if (terms.length === 2) {
    const [a, b] = terms;
    for (let i = 0; i < data.length; i++) data[i] = weights[0] * a.data[i] + weights[1] * b.data[i];
  } else {
    for (let i = 0; i < data.length; i++) {
      let sum = 0;
      for (let k = 0; k < terms.length; k++) sum += weights[k] * terms[k].data[i];
      data[i] = sum;
    }
  }
  return out;
}

/** Puts tensors one after another along an axis. All other axes agree. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  const [{ shape, data: like }] = parts;
  const Data = like.constructor as new (length: number) => TensorData;
  const data = new Data(parts.reduce((length, part) => length + part.data.length, 0));
  const runs = parts.map((part) => ({ from: part.data, length: sizeOf(part.shape.slice(axis)) }));
  let at = 0;
  for (let run = 0; run < sizeOf(shape.slice(0, axis)); run++) {
    for (const { from, length } of runs) {
      data.set(from.subarray(run * length, (run + 1) * length), at);
      at += length;
    }
  }
  const joined = parts.reduce((sum, part) => sum + part.shape[axis], 0);
  return tensor([...shape.slice(0, axis), joined, ...shape.slice(axis + 1)], data);
}

/** Rows `from` (inclusive) to `to` (exclusive) of the first axis, as a view on the same memory. */
export function rows(x: Tensor, from: number, to: number): Tensor {
  const [count, ...rest] = x.shape;
  if (from < 0 || to > count || from > to) throw new RangeError(`Rows ${from} to ${to} of a tensor with ${count}.`);
  const size = sizeOf(rest);
  return { shape: [to - from, ...rest], data: x.data.subarray(from * size, to * size) as TensorData };
}

/** A window of the last two axes, which hold lines of pixels or of latent cells. */
export function crop(x: Tensor, window: { top: number; left: number; height: number; width: number }): Tensor {
  const { top, left, height, width } = window;
  const outer = x.shape.slice(0, -2);
  const [lines, line] = x.shape.slice(-2);
  if (top < 0 || left < 0 || top + height > lines || left + width > line) {
    throw new RangeError(`No window of ${width}×${height} at ${left}, ${top} fits into [${x.shape.join(', ')}].`);
  }
  const Data = x.data.constructor as new (length: number) => TensorData;
  const out = tensor([...outer, height, width], new Data(sizeOf(outer) * height * width));
  for (let plane = 0; plane < sizeOf(outer); plane++) {
    for (let y = 0; y < height; y++) {
      const from = (plane * lines + top + y) * line + left;
      out.data.set(x.data.subarray(from, from + width), (plane * height + y) * width);
    }
  }
  return out;
}

/** Whether every element is a number: no NaN, no infinity. */
export function allFinite(x: Tensor): boolean {
  const { data } = x;
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}

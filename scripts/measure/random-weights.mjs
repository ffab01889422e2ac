/** How weights can be stored: the name in a `.safetensors` header and the bytes of one. */
export const elementTypes = {
  fp32: { name: 'F32', bytes: 4 },
  fp16: { name: 'F16', bytes: 2 },
  bf16: { name: 'BF16', bytes: 2 },
};

const BLOCK = 1048573; // prime, so that no two rows of a matrix begin at the same place of the block

/** Shares the variance among the branches that are added up, so that signals keep their size through a deep network. */
const GAIN = 0.5;

/** Gives every tensor of a checkpoint its values: pieces of one block of normal numbers, in the size a trained network has. */
export class WeightSource {
  /** One encoded block for every scale. @type {Map<number, Buffer>} */
  #blocks = new Map();
  #normals;
  #type;

  /**
   * @param {keyof typeof elementTypes} type
   * @param {number} seed
   */
  constructor(type, seed) {
    this.#type = elementTypes[type];
    this.#normals = normalNumbers(BLOCK, seed);
  }

  /** At most `most` bytes of a tensor's data from byte `from` on. A tensor of another type than the weights is all 0. */
  bytes({ name, shape, type }, from, most) {
    if (type !== this.#type) return Buffer.alloc(most);
    const { mean, deviation } = distributionOf(name, shape);
    const block = this.#block(mean, deviation);
    const at = (placeOf(name) * type.bytes + from) % block.length;
    return block.subarray(at, Math.min(at + most, block.length));
  }

  #block(mean, deviation) {
    const key = mean || -deviation;
    if (!this.#blocks.has(key)) {
      const values = this.#normals.map((normal) => mean + deviation * normal);
      this.#blocks.set(key, encode(values, this.#type.name));
    }
    return this.#blocks.get(key);
  }
}

/** Norms are the identity, biases 0, and matrices keep the size of what goes through them. */
function distributionOf(name, shape) {
  if (shape.length < 2) return { mean: /(weight|scale)$/.test(name) ? 1 : 0, deviation: 0 };
  const fanIn = shape.slice(1).reduce((product, side) => product * side, 1);
  return { mean: 0, deviation: GAIN / Math.sqrt(fanIn) };
}

/** Where in the block a tensor begins (FNV-1a of its name). */
function placeOf(name) {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % BLOCK;
}

/** Normal numbers by Box and Muller (1958), from the generator mulberry32. */
function normalNumbers(count, seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

/**
 * Numbers as a `.safetensors` file holds them, rounded to nearest.
 * @param {ArrayLike<number>} values below 65 504, as weights are
 * @param {'F32' | 'F16' | 'BF16' | 'I64'} type
 */
export function encode(values, type) {
  if (type === 'I64') return Buffer.from(BigInt64Array.from(values, BigInt).buffer);
  const floats = Float32Array.from(values);
  if (type === 'F32') return Buffer.from(floats.buffer);
  const toBits = type === 'F16' ? halfBits : brainBits;
  return Buffer.from(Uint16Array.from(new Uint32Array(floats.buffer), toBits).buffer);
}

/** The upper half of a float32. */
function brainBits(bits) {
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** float32 to float16. What is smaller than half's normal numbers (6e-5) becomes 0: of weights, few are. */
function halfBits(bits) {
  const sign = (bits >>> 16) & 0x8000;
  const rounded = (bits & 0x7fffffff) + 0xfff + ((bits >>> 13) & 1);
  return rounded < 0x38800000 ? sign : sign | ((rounded - 0x38000000) >>> 13);
}

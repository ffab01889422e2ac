import { MersenneTwister } from './mersenne-twister.js';
import type { GeneratorPosition, NormalGenerator } from './normal-generator.js';

/** From so many numbers on, PyTorch makes them in blocks of this size, from float32 uniforms. */
const BLOCK = 16;

/** The numbers of `torch.randn` with a CPU generator, to within the rounding of its vectorised logarithm and sine. */
export class TorchCpuGenerator implements NormalGenerator {
  private readonly words: MersenneTwister;
  private wordsTaken: number;
  private spare: number | undefined;

  constructor(seed: number, position: GeneratorPosition = { taken: 0 }) {
    this.words = new MersenneTwister(seed);
    this.words.skip(position.taken);
    this.wordsTaken = position.taken;
    this.spare = position.spare;
  }

  get position(): GeneratorPosition {
    return { taken: this.wordsTaken, spare: this.spare };
  }

  normal(count: number): Float32Array {
    return count < BLOCK ? Float32Array.from({ length: count }, () => this.one()) : this.inBlocks(count);
  }

  /** Uniforms in [0, 1) first, then each block of 16 becomes 8 cosines and 8 sines. A last block that is not full is made anew. */
  private inBlocks(count: number): Float32Array {
    const values = new Float32Array(count);
    this.fillUniform(values);
    for (let at = 0; at + BLOCK <= count; at += BLOCK) toNormal(values, at);
    if (count % BLOCK !== 0) {
      const lastBlock = values.subarray(count - BLOCK);
      this.fillUniform(lastBlock);
      toNormal(lastBlock, 0);
    }
    return values;
  }

  private fillUniform(values: Float32Array): void {
    for (let i = 0; i < values.length; i++) values[i] = (this.words.word() & 0xffffff) / 2 ** 24;
    this.wordsTaken += values.length;
  }

  /** Box-Muller in float64, two numbers from two uniforms; the second one waits for the next call. */
  private one(): number {
    if (this.spare !== undefined) {
      const { spare } = this;
      this.spare = undefined;
      return spare;
    }
    const angle = 2 * Math.PI * this.uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniform53()));
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** In [0, 1) from the low 53 bits of two words, the first of them on top. */
  private uniform53(): number {
    const high = this.words.word() & 0x1fffff;
    this.wordsTaken += 2;
    return (high * 2 ** 32 + this.words.word()) / 2 ** 53;
  }
}

/** Box-Muller over one block, in place. */
function toNormal(values: Float32Array, at: number): void {
  for (let i = at; i < at + BLOCK / 2; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - values[i]));
    const angle = 2 * Math.PI * values[i + BLOCK / 2];
    values[i] = radius * Math.cos(angle);
    values[i + BLOCK / 2] = radius * Math.sin(angle);
  }
}

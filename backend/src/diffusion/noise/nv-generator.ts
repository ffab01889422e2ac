import type { GeneratorPosition, NormalGenerator } from './normal-generator.js';
import { philox } from './philox.js';

const TO_UNIT = Math.fround(2 ** -32); // both constants of cuRAND are float32
const TO_ANGLE = Math.fround(TO_UNIT * Math.fround(2 * Math.PI));

/**
 * The numbers of `torch.randn` on an NVIDIA card, as long as each of its threads makes one vector (latents of usual
 * size): element i of call n comes from the counter (n, 0, i, 0).
 */
export class NvGenerator implements NormalGenerator {
  private readonly keyLow: number;
  private readonly keyHigh: number;
  private calls: number;

  constructor(seed: number, position: GeneratorPosition = { taken: 0 }) {
    this.keyLow = seed % 2 ** 32;
    this.keyHigh = Math.floor(seed / 2 ** 32);
    this.calls = position.taken;
  }

  get position(): GeneratorPosition {
    return { taken: this.calls };
  }

  normal(count: number): Float32Array {
    const values = new Float32Array(count);
    const words = new Uint32Array(4);
    for (let i = 0; i < count; i++) {
      words[0] = this.calls;
      words[1] = 0;
      words[2] = i;
      words[3] = 0;
      philox(words, this.keyLow, this.keyHigh);
      const radius = Math.sqrt(-2 * Math.log(words[0] * TO_UNIT + TO_UNIT / 2));
      values[i] = radius * Math.sin(words[1] * TO_ANGLE + TO_ANGLE / 2); // Box-Muller, of which only the sine is used
    }
    this.calls += 1;
    return values;
  }
}

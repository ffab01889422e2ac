const SIZE = 624;
const SHIFT = 397;

/** MT19937 of Matsumoto and Nishimura 1998: a stream of 32-bit words. */
export class MersenneTwister {
  private readonly state = new Uint32Array(SIZE);
  private next = SIZE;

  /** @param seed Its low 32 bits are used. */
  constructor(seed: number) {
    this.state[0] = seed % 2 ** 32;
    for (let i = 1; i < SIZE; i++) {
      const before = this.state[i - 1];
      this.state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
    }
  }

  /** The next word, 0 to 2^32 − 1. */
  word(): number {
    if (this.next === SIZE) this.twist();
    let word = this.state[this.next++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  /** Leaves out `count` words. */
  skip(count: number): void {
    let left = count;
    while (left > SIZE - this.next) {
      left -= SIZE - this.next;
      this.twist();
    }
    this.next += left;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < SIZE; i++) {
      const mixed = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
      state[i] = state[(i + SHIFT) % SIZE] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}

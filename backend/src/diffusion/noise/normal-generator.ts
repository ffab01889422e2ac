/** How far a generator has come, as plain data: with its seed, enough to go on with the same numbers elsewhere. */
export interface GeneratorPosition {
  /** What was taken from the source so far, in the generator's own unit. */
  taken: number;
  /** A normal number that was made and not yet given away. */
  spare?: number;
}

/** A seeded source of numbers with normal distribution, mean 0 and standard deviation 1. */
export interface NormalGenerator {
  /** The next `count` numbers. How numbers are made depends on `count`, as in the programs that are followed. */
  normal(count: number): Float32Array;
  readonly position: GeneratorPosition;
}

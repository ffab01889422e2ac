/** Words of the pool in which the entropy is mixed, as torchsde chooses it for its trees. */
const POOL_SIZE = 24;

/**
 * The first 32-bit word of NumPy's `SeedSequence(entropy, spawn_key=spawnKey, pool_size=24)`: seeds for many independent
 * generators out of one (after O'Neill 2015, "Developing a seed_seq alternative").
 */
export function seedFrom(entropy: number, spawnKey: readonly number[] = []): number {
  const run = words(entropy);
  const spawn = spawnKey.flatMap(words);
  // with a spawn key the entropy is filled up, so that no other entropy and key come to the same words
  const filled = spawn.length > 0 ? [...run, ...Array.from({ length: Math.max(POOL_SIZE - run.length, 0) }, () => 0), ...spawn] : run;

  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = Array.from({ length: POOL_SIZE }, (_, index) => hash(filled[index] ?? 0));
  for (let from = 0; from < POOL_SIZE; from++) {
    for (let to = 0; to < POOL_SIZE; to++) if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
  }
  for (const word of filled.slice(POOL_SIZE)) {
    for (let to = 0; to < POOL_SIZE; to++) pool[to] = mix(pool[to], hash(word));
  }
  return hasher(0x8b51f9dd, 0x58f38ded)(pool[0]);
}

/** The 32-bit words of a whole number, low word first. */
function words(value: number): number[] {
  return value < 2 ** 32 ? [value] : [value % 2 ** 32, ...words(Math.floor(value / 2 ** 32))];
}

/** A multiplicative hash whose constant changes with every word it has seen. */
function hasher(start: number, factor: number): (word: number) => number {
  let constant = start;
  return (word) => {
    const mixed = word ^ constant;
    constant = Math.imul(constant, factor);
    return folded(Math.imul(mixed, constant));
  };
}

function mix(x: number, y: number): number {
  return folded(Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y));
}

function folded(word: number): number {
  return (word ^ (word >>> 16)) >>> 0;
}

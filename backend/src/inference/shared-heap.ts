import type { DeviceOptions } from '@atelier/sdk/contracts';

const [KIBIBYTE, GIBIBYTE] = [2 ** 10, 2 ** 30];

/**
 * The environment of a device process on Linux, for glibc's `malloc`: large blocks come from the one heap of the process and stay in
 * it, up to a gibibyte at its end (with a quarter of one, a step at 256 px of a half-precision file took 6 % longer).
 *
 * It takes the place of ONNX Runtime's arenas. Every session has one of its own that keeps what its largest call ever needed, which
 * a graph in ten pieces does ten times: SD1.5 at 512 px held 2.8 GB beside its weights, and holds 0.8 GB so, in the same time.
 * A VAE's tensors, of some hundred megabytes, leave holes in such a heap (3.8 GB for 512 px, 0.9 with an arena): it keeps its arena.
 * Without this, `malloc` asks the system for every large block anew, and its pages come in one fault at a time (a tenth of a step).
 */
export const sharedHeap: NodeJS.ProcessEnv =
  process.platform === 'linux' ? { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: String(GIBIBYTE) } : {};

/**
 * The environment where weights are copied into memory, which would leave holes in a shared heap: every large block has pages of its
 * own and gives them back when it is freed. Of a prepacked SD1.5, 3.5 GB, nothing stays; 2.1 GB did without it, and all in the shared heap.
 */
export const separateBlocks: NodeJS.ProcessEnv = process.platform === 'linux' ? { MALLOC_MMAP_THRESHOLD_: String(64 * KIBIBYTE) } : {};

/** How a device process that is to work so should manage its memory. With a graphics card it is the driver's, and left as it is. */
export function heapFor({ provider, copiesWeights }: Pick<DeviceOptions, 'provider' | 'copiesWeights'>): NodeJS.ProcessEnv {
  if (provider !== 'cpu') return {};
  return copiesWeights ? separateBlocks : sharedHeap;
}

/** Whether this process was started with a shared heap. */
export function hasSharedHeap(): boolean {
  return process.env.MALLOC_MMAP_MAX_ === '0';
}

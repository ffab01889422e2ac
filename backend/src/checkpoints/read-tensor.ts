import { open } from 'node:fs/promises';
import { tensor, type Tensor } from '@atelier/sdk';
import { CheckpointIncomplete, CheckpointNotOpened, CheckpointUnreadable, WeightTypeNotBuilt } from './errors.js';
import { widenBfloat16, widenFloat16 } from './half-precision.js';
import type { Checkpoint } from './safetensors-header.js';

/** The values of one tensor as float32. For the few that code looks at; models read theirs in place. */
export async function readTensor(checkpoint: Checkpoint, name: string): Promise<Tensor> {
  const stored = checkpoint.tensors.get(name);
  if (!stored) throw new CheckpointIncomplete(checkpoint.file, `it has no tensor "${name}".`);
  const bytes = new Uint8Array(stored.length);
  const handle = await open(checkpoint.file, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new CheckpointNotOpened(checkpoint.file, cause);
  });
  try {
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, stored.offset);
    if (bytesRead < bytes.length) throw new CheckpointUnreadable(checkpoint.file, `it ends within tensor "${name}".`);
  } finally {
    await handle.close();
  }
  switch (stored.type) {
    case 'F32':
      return tensor(stored.shape, new Float32Array(bytes.buffer));
    case 'F16':
      return tensor(stored.shape, widenFloat16(new Uint16Array(bytes.buffer)));
    case 'BF16':
      return tensor(stored.shape, widenBfloat16(new Uint16Array(bytes.buffer)));
    default:
      throw new WeightTypeNotBuilt(checkpoint.file, name, stored.type);
  }
}

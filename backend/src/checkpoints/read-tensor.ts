import { open } from 'node:fs/promises';
import { tensor, type StoredTensor, type Tensor } from '@atelier/sdk';
import { CheckpointNotOpened, CheckpointUnreadable, WeightTypeNotBuilt } from './errors.js';
import { widenBfloat16, widenFloat16, widenFloat8 } from './narrow-floats.js';

/** The values of one tensor as float32. For the few that code looks at; models read theirs in place. */
export async function readTensor({ name, file, type, shape, offset, length }: StoredTensor): Promise<Tensor> {
  const bytes = new Uint8Array(length);
  const handle = await open(file, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new CheckpointNotOpened(file, cause);
  });
  try {
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
    if (bytesRead < bytes.length) throw new CheckpointUnreadable(file, `it ends within tensor "${name}".`);
  } finally {
    await handle.close();
  }
  switch (type) {
    case 'F32':
      return tensor(shape, new Float32Array(bytes.buffer));
    case 'F16':
      return tensor(shape, widenFloat16(new Uint16Array(bytes.buffer)));
    case 'BF16':
      return tensor(shape, widenBfloat16(new Uint16Array(bytes.buffer)));
    case 'F8_E4M3':
    case 'F8_E5M2':
      return tensor(shape, widenFloat8(bytes, type));
    default:
      throw new WeightTypeNotBuilt(file, name, type);
  }
}

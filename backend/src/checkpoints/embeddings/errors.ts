import path from 'node:path';
import { AppError } from '@atelier/sdk';

/** A pickle that asks for more than tensors are made of. Nothing in it was run. */
export class PickleRefused extends AppError {
  readonly code = 'pickle-refused';
  constructor(file: string, reason: string) {
    super(
      `"${path.basename(file)}" is a Python pickle that ${reason}. It is not used, and nothing in it was run.`,
      'Do not open it elsewhere unless you trust where it comes from. Most publishers offer a .safetensors file.',
    );
  }
}

/** A file among the embeddings that holds none, or one that no prompt has room for. */
export class NotAnEmbedding extends AppError {
  readonly code = 'not-an-embedding';
  constructor(file: string, reason: string) {
    super(
      `"${path.basename(file)}" is not an embedding that can be used: ${reason}.`,
      'An embedding is one tensor of a row for each token, or a pair of them called clip_l and clip_g.',
    );
  }
}

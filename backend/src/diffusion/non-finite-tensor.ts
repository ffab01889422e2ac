import { allFinite, AppError, type ErrorKind, type Tensor } from '@atelier/sdk';

/** A model answered with something that is not a number: its arithmetic overflowed, or its weights are broken. */
export class NonFiniteTensor extends AppError {
  readonly code = 'non-finite-tensor';
  override readonly kind: ErrorKind = 'internal';

  /** @param what Whose answer, and when: "The model's answer in step 3 of 20". */
  constructor(what: string) {
    super(
      `${what} is not a number (NaN or infinite).`,
      'Usual cures: full precision (float32) instead of half, a lower CFG scale, fewer or weaker LoRAs, another checkpoint file.',
    );
  }
}

/** Lets a tensor through when all its elements are numbers. */
export function checkFinite(answer: Tensor, what: () => string): void {
  if (!allFinite(answer)) throw new NonFiniteTensor(what());
}

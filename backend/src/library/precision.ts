import { AppError } from '@atelier/sdk';
import type { DeviceFacts, Precision } from '@atelier/sdk/contracts';

/** What a diffusion model is computed in. Text encoders and VAEs stay in fp32: in half precision T5 and some VAEs overflow. */
export type ChosenPrecision = Exclude<Precision, 'auto'>;

/** A precision was asked for that the device does not compute in. */
export class PrecisionNotSuited extends AppError {
  readonly code = 'precision-not-suited';
  constructor(precision: ChosenPrecision, provider: string, hint: string) {
    super(`Models cannot be computed in ${precision} on ${provider}.`, hint);
  }
}

type Device = Pick<DeviceFacts, 'provider' | 'halfPrecision'>;

/** What `auto` stands for: half precision where the device has memory of its own and computes in it, which saves half of that memory. */
export function suitedPrecision({ provider, halfPrecision }: Device): ChosenPrecision {
  return provider !== 'cpu' && halfPrecision ? 'fp16' : 'fp32';
}

/** @throws PrecisionNotSuited */
export function choosePrecision(asked: Precision, device: Device): ChosenPrecision {
  const suited = suitedPrecision(device);
  if (asked === 'auto') return suited;
  if (asked === 'int8' && device.provider !== 'cpu') {
    throw new PrecisionNotSuited(asked, device.provider, `Ask for "auto", which is ${suited} here; int8 is for the CPU (--device cpu).`);
  }
  if (asked === 'fp16' && suited !== 'fp16') {
    const hint =
      device.provider === 'cpu'
        ? 'Ask for "auto" or "fp32": the CPU would widen every number. Weights that are stored in half precision stay so in memory.'
        : 'This card has no half-precision arithmetic. Ask for "auto" or "fp32".';
    throw new PrecisionNotSuited(asked, device.provider, hint);
  }
  return asked;
}

import { AppError } from '@atelier/sdk';
import type { Provider } from '@atelier/sdk/contracts';
import { installStep } from './install-step.js';

/** The device process is not there any more; what it held is gone. */
export class DeviceEnded extends AppError {
  readonly code = 'device-ended';
  override readonly kind = 'unavailable';
  constructor(readonly reason: string) {
    super(
      `The device process ended: ${reason}.`,
      reason.includes('SIGBUS')
        ? 'It read a part of a model file that is not there any more: a file was cut off or overwritten while in use, or its disk fails.'
        : 'It starts again with the next job. If it keeps ending, the model may need more memory than there is.',
    );
  }
}

/** What ONNX Runtime's failed checks begin with: file, function and condition. */
const PLACE_IN_SOURCE = /^\/onnxruntime_src\/.* was false\. /s;

/** A provider was asked for by name, and this machine's runtime does not have it or it does not work here. */
export class ProviderMissing extends AppError {
  readonly code = 'provider-missing';
  override readonly kind = 'unavailable';
  constructor(provider: Provider, known: readonly string[], options?: { cause?: unknown }) {
    const reason = options
      ? `does not work here: ${textOf(options.cause).replace(PLACE_IN_SOURCE, '')}`
      : 'is not part of the runtime on this system.';
    super(
      `Provider "${provider}" ${reason}`,
      `${installStep(provider)} The runtime brings: ${known.join(', ')}. "--device auto" takes what works.`,
      options,
    );
  }
}

/** The runtime refused the graph. */
export class ModelNotOpened extends AppError {
  readonly code = 'model-not-opened';
  override readonly kind = 'internal';
  constructor(graph: string, cause: unknown) {
    super(
      `The ${graph} could not be opened: ${textOf(cause)}`,
      'The checkpoint may have an unusual layout. The details belong in a bug report.',
      { cause },
    );
  }
}

/** A model call failed in the runtime. */
export class ModelCallFailed extends AppError {
  readonly code = 'model-call-failed';
  override readonly kind = 'internal';
  constructor(graph: string, cause: unknown) {
    super(
      `A call of the ${graph} failed: ${textOf(cause)}`,
      'A smaller picture or batch needs less memory. Otherwise the details belong in a bug report.',
      {
        cause,
      },
    );
  }
}

/** A session or tensor of the device is used that is not open: closed, freed, or lost with an earlier process. */
export class NotOnDevice extends AppError {
  readonly code = 'not-on-device';
  override readonly kind = 'internal';
  constructor(what: 'session' | 'tensor', number: number) {
    super(`Device ${what} ${number} is not there.`, 'It was closed or lost when the device process ended; open the model again.');
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

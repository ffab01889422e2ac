import { AppError } from '@atelier/sdk';
import type { Provider } from '@atelier/sdk/contracts';
import { installStep } from './install-step.js';

const OUT_OF_MEMORY = 'out-of-memory';

const MEMORY_HINT =
  'Make the picture or the batch smaller, close other programs, or let networks make room for each other (the setting "modelMemory": "swap").';

/** The device process is not there any more; what it held is gone. */
export class DeviceEnded extends AppError {
  readonly code: string = 'device-ended';
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

/**
 * The system ended the device process, as far as can be told for lack of memory.
 *
 * @param ownBytes what it held when it was last looked at.
 */
export class DeviceOutOfMemory extends DeviceEnded {
  override readonly code = OUT_OF_MEMORY;
  constructor(ownBytes: number | undefined) {
    super(`the system stopped it, probably because memory ran out${heldWords(ownBytes)}`);
  }
}

/** A network got no memory to be opened or called. Whoever knows how much that takes says so with `OutOfMemory`. */
export class NoMemoryGiven extends AppError {
  readonly code = OUT_OF_MEMORY;
  override readonly kind = 'unavailable';
  constructor(what: string, cause: unknown) {
    super(`There was no memory left for ${what}: ${textOf(cause)}`, MEMORY_HINT, { cause });
  }
}

/** Memory ran out for a network. Says how much it takes. */
export class OutOfMemory extends AppError {
  readonly code = OUT_OF_MEMORY;
  override readonly kind = 'unavailable';
  constructor(network: string, { neededBytes, freeBytes }: { neededBytes: number; freeBytes: number }, cause: AppError) {
    const numbers = `it takes about ${gigabytes(neededBytes)} GB, and ${gigabytes(freeBytes)} GB were free`;
    super(`There is not enough memory for the ${network}: ${numbers}. ${cause.message}`, MEMORY_HINT, { cause });
  }
}

/** Whether memory ran out, in this process or another. */
export function isLackOfMemory(error: unknown): error is AppError {
  return error instanceof AppError && error.code === OUT_OF_MEMORY;
}

/** What runtimes say that got no memory: C++ and ONNX Runtime, V8, CUDA, Direct3D, Vulkan. */
const NO_MEMORY = /bad.?alloc|failed to allocate|allocation failed|out of (device |host )?memory|not enough memory/i;

/** A call or opening that failed: for lack of memory, or as `other` says. */
export function failureOf(what: string, cause: unknown, other: () => AppError): AppError {
  return NO_MEMORY.test(textOf(cause)) ? new NoMemoryGiven(what, cause) : other();
}

/** Completes "the process ended" with what it held; nothing where that is not known. */
export function heldWords(ownBytes: number | undefined): string {
  return ownBytes === undefined ? '' : `, while it held ${gigabytes(ownBytes)} GB`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
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

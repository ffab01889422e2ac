import type { DeviceFacts, DeviceGraph, DeviceTensor, DeviceValue, TensorHandle } from '@atelier/sdk/contracts';

/** A model that is open on the device. */
export interface Session {
  readonly session: number;
}

/** How a graph is opened. */
export interface OpenOptions {
  /** Copies the weights into the form that computes fastest, instead of leaving them mapped from their file. */
  prepack?: boolean;
  /** Keeps the memory that its largest call took: for one whose tensors are so large that they would leave holes in the shared heap. */
  hasArena?: boolean;
  /** Told how many bytes of weights have been copied, piece by piece. Nothing is told of weights that stay mapped. */
  onRead?: (bytes: number) => void;
}

/**
 * What runs models. Tensors may stay there: `put` one, or `keep` an output, and give its handle as an input later.
 * Whoever makes a handle or a session frees it; all are gone when the device ends.
 */
export interface DeviceLink {
  open(graph: DeviceGraph, options?: OpenOptions): Promise<Session>;
  close(session: Session): Promise<void>;
  put(tensor: DeviceTensor): Promise<TensorHandle>;
  free(handle: TensorHandle): Promise<void>;
  /** Runs the model. Inputs are tensors or handles; `prediction` and the like come back by name. */
  run(session: Session, inputs: DeviceInputs): Promise<Record<string, DeviceTensor>>;
  /** As `run`, but outputs named in `keep` stay on the device. */
  runKeeping(session: Session, inputs: DeviceInputs, keep: readonly string[]): Promise<KeptOutputs>;
  facts(): Promise<DeviceFacts>;
}

export type DeviceInputs = Readonly<Record<string, DeviceValue>>;

export interface KeptOutputs {
  tensors: Record<string, DeviceTensor>;
  kept: Record<string, TensorHandle>;
}

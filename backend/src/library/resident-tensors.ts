import type { Tensor } from '@atelier/sdk';
import type { DeviceTensor, DeviceValue, TensorHandle } from '@atelier/sdk/contracts';
import type { LivingDevice } from './session-shelf.js';

/** How many are kept: both branches of guidance, their vectors and further inputs, for one batch and the next. */
const KEPT = 12;

/** Tensors that go into every step, such as the encoded text: they cross to the device once, and later calls name them. */
export class ResidentTensors {
  /** In order of use, the latest last. */
  private readonly handles = new Map<Tensor, TensorHandle>();
  private generation: number;

  constructor(private readonly device: LivingDevice) {
    this.generation = device.generation;
  }

  async valueOf(tensor: Tensor): Promise<DeviceValue> {
    if (this.generation !== this.device.generation) {
      this.handles.clear();
      this.generation = this.device.generation;
    }
    const handle = this.handles.get(tensor) ?? (await this.device.put(sent(tensor)));
    this.handles.delete(tensor);
    this.handles.set(tensor, handle);
    for (const [oldest, old] of this.handles) {
      if (this.handles.size <= KEPT) break;
      this.handles.delete(oldest);
      await this.device.free(old);
    }
    return handle;
  }

  async clear(): Promise<void> {
    const handles = [...this.handles.values()];
    this.handles.clear();
    if (this.generation === this.device.generation) for (const handle of handles) await this.device.free(handle);
  }
}

/** As the device takes it: float32. */
export function sent({ shape, data }: Tensor): DeviceTensor {
  return { type: 'float32', shape: [...shape], data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

import type { DeviceGraph } from '@atelier/sdk/contracts';
import type { DeviceLink, Session } from '../inference/device-link.js';

/** A device, and which of its lives it is in: what was open in an earlier one is gone. */
export type LivingDevice = DeviceLink & { readonly generation: number };

/** Sessions that are open on a device, by what they are; each is opened when it is first wanted. */
export class SessionShelf {
  private readonly open = new Map<string, Promise<Session>>();
  private generation: number;

  constructor(private readonly device: LivingDevice) {
    this.generation = device.generation;
  }

  /** The session of that key, opened from `write()` if it is not open. */
  async session(key: string, write: () => DeviceGraph): Promise<Session> {
    if (this.generation !== this.device.generation) {
      this.open.clear(); // they went with their device
      this.generation = this.device.generation;
    }
    const opening = this.open.get(key) ?? this.device.open(write());
    this.open.set(key, opening);
    opening.catch(() => this.open.delete(key));
    return await opening;
  }

  /** Closes the sessions whose keys are not to be kept; their memory goes back. */
  async closeUnless(isKept: (key: string) => boolean): Promise<void> {
    for (const [key, opening] of this.open) {
      if (isKept(key)) continue;
      this.open.delete(key);
      const isThere = this.generation === this.device.generation;
      if (isThere) await this.device.close(await opening);
    }
  }
}

import type { DeviceGraph } from '@atelier/sdk/contracts';
import type { DeviceLink, Session } from '../inference/device-link.js';
import { isLackOfMemory, OutOfMemory } from '../inference/errors.js';

/** A device, and which of its lives it is in: what was open in an earlier one is gone. */
export type LivingDevice = DeviceLink & { readonly generation: number };

/** What a network is for. Where memory is short, only those of one purpose are open at a time; what makes previews is small and stays. */
export type Purpose = 'text' | 'diffusion' | 'pixels' | 'preview';

/** How people call them. */
const networkNames: Record<Purpose, string> = {
  text: 'text encoder',
  diffusion: 'diffusion model',
  pixels: 'VAE',
  preview: 'decoder of previews',
};

/** A network as the shelf knows it. */
export interface ShelvedNetwork {
  /** Tells it from all others, with the state of its file and how it is opened. */
  key: string;
  purpose: Purpose;
  /** What opening and calling it takes, as far as is known: told when there is not enough. */
  neededBytes: number;
  /** Its weights are copied into the form that computes fastest. */
  prepack?: boolean;
  write(): DeviceGraph | Promise<DeviceGraph>;
}

/** A network that is being opened, and how much of its weights has been copied, where they are. */
export interface Opening {
  key: string;
  network: string;
  bytes?: { read: number; of: number };
}

interface Shelved {
  purpose: Purpose;
  opening: Promise<Session>;
  /** Calls that are under way: it is not closed under them. */
  calls: Set<Promise<unknown>>;
}

/** Sessions that are open on a device, by what they are; each is opened when it is first wanted. */
export class SessionShelf {
  /** Only sessions of one purpose are open: those of others are closed first. */
  isSwapping = false;
  private readonly open = new Map<string, Shelved>();
  private generation: number;

  /** @param tell told what is being opened, and null when it is open or has failed. */
  constructor(
    private readonly device: LivingDevice,
    private readonly tell: (opening: Opening | null) => void = () => {},
  ) {
    this.generation = device.generation;
  }

  /** Calls with the network's session, which is opened if it is not open. */
  async use<Answer>(network: ShelvedNetwork, call: (session: Session) => Promise<Answer>): Promise<Answer> {
    const makesRoom = this.isSwapping && network.purpose !== 'preview';
    const roomMade = makesRoom ? this.closeUnless((_, purpose) => purpose === network.purpose || purpose === 'preview') : Promise.resolve();
    const { opening, calls } = this.shelved(network, roomMade);
    const calling = Promise.all([opening, roomMade]).then(([session]) => call(session));
    calls.add(calling);
    const freeBytes = process.availableMemory();
    try {
      return await calling;
    } catch (error) {
      if (!isLackOfMemory(error)) throw error;
      throw new OutOfMemory(networkNames[network.purpose], { neededBytes: network.neededBytes, freeBytes }, error);
    } finally {
      calls.delete(calling);
    }
  }

  /** Closes the sessions that are not to be kept, once they are idle; their memory goes back. */
  async closeUnless(isKept: (key: string, purpose: Purpose) => boolean): Promise<void> {
    this.forgetLost();
    const closing = [...this.open].filter(([key, { purpose }]) => !isKept(key, purpose));
    for (const [key] of closing) this.open.delete(key);
    for (const [, { opening, calls }] of closing) {
      await Promise.allSettled(calls);
      const session = await opening.catch(() => null); // whoever wanted it knows why it did not open
      if (session && this.generation === this.device.generation) await this.device.close(session);
    }
  }

  /** The network's place on the shelf, at once: whoever comes next finds it there. */
  private shelved(network: ShelvedNetwork, roomMade: Promise<void>): Shelved {
    const { key, purpose } = network;
    this.forgetLost();
    const there = this.open.get(key);
    if (there) return there;
    const opening = roomMade.then(() => this.opened(network));
    const shelved: Shelved = { purpose, opening, calls: new Set() };
    this.open.set(key, shelved);
    opening.catch(() => {
      if (this.open.get(key) === shelved) this.open.delete(key);
    });
    return shelved;
  }

  private async opened({ key, purpose, prepack, write }: ShelvedNetwork): Promise<Session> {
    const about = { key, network: networkNames[purpose] };
    this.tell(about);
    try {
      const graph = await write();
      const of = graph.pieces.reduce((sum, { weightBytes }) => sum + weightBytes, 0);
      const onRead = (read: number) => this.tell({ ...about, bytes: { read, of } });
      return await this.device.open(graph, { prepack, hasArena: purpose === 'pixels', onRead });
    } finally {
      this.tell(null);
    }
  }

  /** Sessions of an earlier life went with it. */
  private forgetLost(): void {
    if (this.generation === this.device.generation) return;
    this.open.clear();
    this.generation = this.device.generation;
  }
}

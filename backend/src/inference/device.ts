import { fork, type ChildProcess } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { ReportedError, type AppError } from '@atelier/sdk';
import {
  DeviceOptions,
  FromDevice,
  type DeviceCommand,
  type DeviceFacts,
  type DeviceGraph,
  type DeviceTensor,
  type PlacedOperator,
  type TensorHandle,
  type ToDevice,
} from '@atelier/sdk/contracts';
import type { DeviceInputs, DeviceLink, KeptOutputs, OpenOptions, Session } from './device-link.js';
import { DeviceEnded, DeviceOutOfMemory, heldWords, NotOnDevice } from './errors.js';
import { endedForMemory, ownMemoryOf } from './process-memory.js';
import { heapFor } from './shared-heap.js';

/** How the device process is started and told to work. */
export interface DeviceSetup {
  /** The program that becomes the device process: `node <entry> device`. */
  entry: string;
  /** Further arguments of it. */
  args?: readonly string[];
  /** What drivers print is left out: for trials, whose failure is an answer. */
  isQuiet?: boolean;
  /** Asked for whenever a process begins, and by `refresh`. */
  options?: () => Promise<Partial<DeviceOptions>>;
}

/** So often the memory of the process is looked at, to tell what it held when it was ended. */
const LOOK_EVERY_MS = 500;

/** Told when a device process has ended, with the reason. Everything it held is gone. */
export type DeviceExitListener = (ended: DeviceEnded) => void;

interface Waiting {
  onRead?: (bytes: number) => void;
  resolve(result: FromDevice['result']): void;
  reject(error: AppError): void;
}

/** One process, from its start to its end. */
interface Life {
  process: ChildProcess;
  options: DeviceOptions;
  waiting: Map<number, Waiting>;
  /** Sessions and tensors that this process holds. */
  sessions: Set<number>;
  tensors: Set<number>;
  /** Why we end it, when we do. */
  endedBecause?: string;
  ended?: DeviceEnded;
  /** What it held of its own when it was last looked at. */
  ownBytes?: number;
  look: NodeJS.Timeout;
}

/**
 * The engine's side of the device process. It starts with the first command that can use an empty device (`open`, `put`,
 * `facts`) and again after it has ended; what was open before is then gone, and using it fails with `NotOnDevice`.
 */
export class Device implements DeviceLink {
  private life: Life | undefined;
  private started: Promise<DeviceFacts> | undefined;
  private nextNumber = 1;
  private readonly exitListeners = new Set<DeviceExitListener>();
  /** Changes the moment a process is lost or given up: a session belongs to the generation it was opened in. */
  generation = 1;

  constructor(private readonly setup: DeviceSetup) {}

  async open(graph: DeviceGraph, { prepack = false, hasArena = false, onRead }: OpenOptions = {}): Promise<Session> {
    const life = await this.alive();
    const session = this.nextNumber++;
    await this.ask(life, { type: 'open', session, graph, prepack, hasArena }, onRead);
    life.sessions.add(session);
    return { session };
  }

  async close({ session }: Session): Promise<void> {
    const life = this.holding('session', session);
    life.sessions.delete(session);
    await this.ask(life, { type: 'close', session });
  }

  async put(tensor: DeviceTensor): Promise<TensorHandle> {
    const life = await this.alive();
    const handle = this.nextNumber++;
    await this.ask(life, { type: 'put', handle, tensor });
    life.tensors.add(handle);
    return { handle };
  }

  async free({ handle }: TensorHandle): Promise<void> {
    const life = this.holding('tensor', handle);
    life.tensors.delete(handle);
    await this.ask(life, { type: 'free', handle });
  }

  async run(session: Session, inputs: DeviceInputs): Promise<Record<string, DeviceTensor>> {
    return (await this.runKeeping(session, inputs, [])).tensors;
  }

  async runKeeping({ session }: Session, inputs: DeviceInputs, keep: readonly string[]): Promise<KeptOutputs> {
    const life = this.holding('session', session);
    for (const value of Object.values(inputs)) if ('handle' in value) this.holding('tensor', value.handle);
    const numbers = Object.fromEntries(keep.map((name) => [name, this.nextNumber++]));
    const result = await this.ask(life, { type: 'run', session, inputs, keep: numbers });
    for (const handle of Object.values(numbers)) life.tensors.add(handle);
    const kept = Object.fromEntries(Object.entries(numbers).map(([name, handle]) => [name, { handle }]));
    return { tensors: expectStatus(result, 'outputs').tensors, kept };
  }

  /** Ends the calls in flight: the running one at its next piece. They fail with `ModelCallInterrupted`. Nothing happens when there is none. */
  async interrupt(): Promise<void> {
    if (this.life) await this.ask(this.life, { type: 'interrupt' });
  }

  async facts(): Promise<DeviceFacts> {
    return expectStatus(await this.ask(await this.alive(), { type: 'facts' }), 'facts').facts;
  }

  /** Where the operators of a graph run, found out by running it once. */
  async placement(graph: DeviceGraph, inputs: Readonly<Record<string, DeviceTensor>>): Promise<PlacedOperator[]> {
    return expectStatus(await this.ask(await this.alive(), { type: 'place', graph, inputs: { ...inputs } }), 'placement').operators;
  }

  /** The number of the device process, while there is one. */
  get processId(): number | undefined {
    return this.life?.process.pid;
  }

  onExit(listener: DeviceExitListener): Disposable {
    this.exitListeners.add(listener);
    return { [Symbol.dispose]: () => this.exitListeners.delete(listener) };
  }

  /** Ends a process that was told to work otherwise than one would be told now, so that the next command starts another. */
  async refresh(): Promise<void> {
    const wanted = await this.wantedOptions();
    if (this.life && !isDeepStrictEqual(this.life.options, wanted)) await this.end('it is to work in another way');
  }

  /** Ends the process at once, in the middle of a model call if need be. Whatever waits fails with `DeviceEnded`. */
  async end(reason = 'it was stopped'): Promise<void> {
    const { life } = this;
    if (!life) return;
    const exited = new Promise((resolve) => life.process.once('exit', resolve));
    this.kill(life, reason);
    await exited;
  }

  private async alive(): Promise<Life> {
    const options = this.life?.options ?? (await this.wantedOptions());
    const life = this.life ?? this.start(options);
    await this.started;
    return life;
  }

  private async wantedOptions(): Promise<DeviceOptions> {
    return DeviceOptions.parse((await this.setup.options?.()) ?? {});
  }

  private start(options: DeviceOptions): Life {
    const child = fork(this.setup.entry, ['device', ...(this.setup.args ?? [])], {
      serialization: 'advanced', // typed arrays cross as they are
      execArgv: [],
      env: { ...process.env, ...heapFor(options) },
      stdio: ['ignore', 'inherit', this.setup.isQuiet ? 'ignore' : 'inherit', 'ipc'],
    });
    const look = setInterval(() => (life.ownBytes = ownMemoryOf(child) ?? life.ownBytes), LOOK_EVERY_MS).unref();
    const life: Life = { process: child, look, options, waiting: new Map(), sessions: new Set(), tensors: new Set() };
    child.on('message', (message) => this.receive(life, FromDevice.parse(message)));
    child.on('error', (cause) => this.kill(life, cause.message));
    const endedBefore = endedForMemory();
    child.on('exit', (code, signal) => {
      const endedNow = endedForMemory();
      // where the kernel does not count, a kill that nobody asked for is taken for its
      const wasKernel = endedNow === undefined || endedNow !== endedBefore;
      if (signal === 'SIGKILL' && wasKernel && life.endedBecause === undefined) this.ended(life, new DeviceOutOfMemory(life.ownBytes));
      else
        this.ended(
          life,
          new DeviceEnded(life.endedBecause ?? (signal ? `signal ${signal}${heldWords(life.ownBytes)}` : `exit code ${code}`)),
        );
    });
    this.life = life;
    this.started = this.begin(life);
    return life;
  }

  /** Tells a new process how to work. One that cannot is ended, so that the next command tries afresh. */
  private async begin(life: Life): Promise<DeviceFacts> {
    try {
      return expectStatus(await this.ask(life, { type: 'start', options: life.options }), 'facts').facts;
    } catch (error) {
      this.kill(life, 'it could not start');
      throw error;
    }
  }

  private kill(life: Life, reason: string): void {
    life.endedBecause ??= reason;
    this.giveUp(life); // what comes next must not meet a process that is dying
    life.process.kill('SIGKILL');
    if (life.process.pid === undefined) this.ended(life, new DeviceEnded(reason)); // it never ran, so no exit will be told
  }

  private giveUp(life: Life): void {
    if (this.life !== life) return;
    this.life = undefined;
    this.generation++;
  }

  private ask(life: Life, command: DeviceCommand, onRead?: (bytes: number) => void): Promise<FromDevice['result']> {
    if (life.ended) return Promise.reject(life.ended);
    const id = this.nextNumber++;
    return new Promise((resolve, reject) => {
      life.waiting.set(id, { resolve, reject, onRead });
      life.process.send({ id, command } satisfies ToDevice, (error) => {
        if (error) this.kill(life, error.message);
      });
    });
  }

  private receive(life: Life, { id, result }: FromDevice): void {
    const waiting = life.waiting.get(id);
    if (result.status === 'opening') return waiting?.onRead?.(result.readBytes);
    life.waiting.delete(id);
    if (result.status === 'failed') waiting?.reject(new ReportedError(result.error));
    else waiting?.resolve(result);
  }

  private ended(life: Life, ended: DeviceEnded): void {
    life.ended = ended;
    clearInterval(life.look);
    this.giveUp(life);
    for (const { reject } of life.waiting.values()) reject(ended);
    life.waiting.clear();
    for (const listener of this.exitListeners) listener(ended);
  }

  private holding(what: 'session' | 'tensor', number: number): Life {
    const { life } = this;
    if (!life?.[`${what}s`].has(number)) throw new NotOnDevice(what, number);
    return life;
  }
}

function expectStatus<Status extends FromDevice['result']['status']>(
  result: FromDevice['result'],
  status: Status,
): Extract<FromDevice['result'], { status: Status }> {
  if (result.status !== status) throw new TypeError(`The device answered "${result.status}" where "${status}" was due.`);
  return result as Extract<FromDevice['result'], { status: Status }>;
}

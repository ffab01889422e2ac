import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fail, ModelCallInterrupted } from '@atelier/sdk';
import type {
  DeviceCommand,
  DeviceFacts,
  DeviceOptions,
  DeviceTensor,
  DeviceValue,
  FromDevice,
  PlacedOperator,
  Provider,
} from '@atelier/sdk/contracts';
import { InferenceSession, listSupportedBackends, Tensor, env } from 'onnxruntime-node';
import { composeAttention } from '../onnx/composed-attention.js';
import { withConstantWeights } from '../onnx/constant-weights.js';
import { halfPrecisionNodes } from '../onnx/half-precision-nodes.js';
import { failureOf, ModelCallFailed, ModelNotOpened, NotOnDevice, ProviderMissing } from './errors.js';
import { placementIn } from './node-placement.js';
import { physicalCores } from './physical-cores.js';
import { byteSumsOverflow, tryOut, type Abilities } from './provider-trial.js';
import { hasSharedHeap } from './shared-heap.js';

env.logLevel = 'fatal'; // what fails is told by exceptions

type CommandOf<Type extends DeviceCommand['type']> = Extract<DeviceCommand, { type: Type }>;

/** One piece of a graph, and what it reads of what is given and what earlier pieces made. */
interface OpenPiece {
  inputs: readonly string[];
  model: InferenceSession;
}

interface OpenGraph {
  name: string;
  pieces: readonly OpenPiece[];
  outputs: readonly string[];
}

/** What a command is carried out with. */
export interface Turn {
  /** Ends a model call, or the opening of a model, at its next piece. */
  interrupted: AbortSignal;
  /** Says something before the answer. */
  tell(progress: Extract<FromDevice['result'], { status: 'opening' }>): void;
}

/** How a session is opened, beside what all have in common. */
interface OpeningOptions extends InferenceSession.SessionOptions {
  /** Its weights are widened and laid out for the fastest arithmetic, once. */
  isPrepacked?: boolean;
  hasArena?: boolean;
}

/** ONNX Runtime with its open sessions and the tensors that stay. Lives in the device process. */
export class OnnxDevice {
  private readonly sessions = new Map<number, OpenGraph>();
  private readonly tensors = new Map<number, Tensor>();
  /** The CPU's, until another provider has shown its own. */
  private abilities: Abilities = { fusedAttention: true, halfPrecision: true };
  /** Sums of bytes have to be made the slower way. */
  private sumsBytesSlowly = false;

  private constructor(
    private readonly provider: Provider,
    private readonly chosenBecause: string,
    private readonly threads: number,
  ) {}

  /**
   * Proves that the provider works, and finds out what it can do.
   *
   * @throws ProviderMissing when it cannot be had. Nothing else is taken in its place.
   */
  static async start({ provider, chosenBecause, threads }: DeviceOptions): Promise<OnnxDevice> {
    const known = listSupportedBackends().map(({ name }) => name);
    if (!known.includes(provider)) throw new ProviderMissing(provider, known);
    const device = new OnnxDevice(provider, chosenBecause, threads ?? physicalCores());
    if (provider === 'cpu') {
      device.sumsBytesSlowly = await byteSumsOverflow((graph) => device.create(graph.pieces[0].bytes, graph.weightsFolder));
    } else {
      const trial = tryOut(provider, (graph, where) =>
        device.create(graph.pieces[0].bytes, graph.weightsFolder, where, { logSeverityLevel: 4 }),
      ); // failing is an answer
      device.abilities = await trial.catch((cause: unknown) => fail(new ProviderMissing(provider, known, { cause })));
    }
    return device;
  }

  /** @throws ModelCallInterrupted */
  async carryOut(command: Exclude<DeviceCommand, { type: 'start' | 'interrupt' }>, turn: Turn): Promise<FromDevice['result']> {
    switch (command.type) {
      case 'open':
        await this.open(command, turn);
        return { status: 'done' };
      case 'close':
        await this.close(command);
        return { status: 'done' };
      case 'put':
        this.tensors.set(command.handle, toRuntime(command.tensor));
        return { status: 'done' };
      case 'free':
        if (!this.tensors.delete(command.handle)) throw new NotOnDevice('tensor', command.handle);
        return { status: 'done' };
      case 'run':
        return { status: 'outputs', tensors: await this.run(command, turn) };
      case 'facts':
        return { status: 'facts', facts: this.facts() };
      case 'place':
        return { status: 'placement', operators: await this.place(command) };
    }
  }

  facts(): DeviceFacts {
    return {
      provider: this.provider,
      chosenBecause: this.chosenBecause,
      threads: this.threads,
      halfPrecision: this.abilities.halfPrecision,
      replacedOperators: this.abilities.fusedAttention ? [] : ['MultiHeadAttention'],
      runtime: `ONNX Runtime ${env.versions.node ?? env.versions.common}`,
      memoryBytes: process.memoryUsage.rss(),
      sessions: this.sessions.size,
      tensors: this.tensors.size,
    };
  }

  private async open({ session, graph, prepack, hasArena }: CommandOf<'open'>, { interrupted, tell }: Turn): Promise<void> {
    const pieces: OpenPiece[] = [];
    let readBytes = 0;
    try {
      for (const { bytes, inputs, weightBytes } of graph.pieces) {
        await nextTurn(); // messages come in, one of which may ask to interrupt
        if (interrupted.aborted) throw new ModelCallInterrupted();
        const opening = this.create(bytes, graph.weightsFolder, this.provider, { isPrepacked: prepack, hasArena });
        const model = await opening.catch((cause: unknown) =>
          fail(failureOf(`opening the ${graph.name}`, cause, () => new ModelNotOpened(graph.name, cause))),
        );
        pieces.push({ inputs, model });
        readBytes += weightBytes;
        if (prepack || this.provider !== 'cpu') tell({ status: 'opening', readBytes });
      }
    } catch (error) {
      for (const { model } of pieces) await model.release();
      throw error;
    }
    this.sessions.set(session, { name: graph.name, pieces, outputs: graph.outputs });
  }

  private async close({ session }: CommandOf<'close'>): Promise<void> {
    const { pieces } = this.sessionOf(session);
    this.sessions.delete(session);
    for (const { model } of pieces) await model.release();
  }

  private async run({ session, inputs, keep }: CommandOf<'run'>, { interrupted }: Turn): Promise<Record<string, DeviceTensor>> {
    const { name, pieces, outputs } = this.sessionOf(session);
    const values = new Map(Object.entries(inputs).map(([input, value]) => [input, this.tensorOf(value)]));
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await nextTurn(); // messages come in, one of which may ask to interrupt
      if (interrupted.aborted) throw new ModelCallInterrupted();
      const feeds = pieces.length === 1 ? Object.fromEntries(values) : pick(values, piece.inputs);
      const results = await piece.model
        .run(feeds)
        .catch((cause: unknown) => fail(failureOf(`a call of the ${name}`, cause, () => new ModelCallFailed(name, cause))));
      for (const [output, result] of Object.entries(results)) values.set(output, result);
      const isNeeded = (value: string) => outputs.includes(value) || pieces.slice(i + 1).some((later) => later.inputs.includes(value));
      for (const value of values.keys()) if (!isNeeded(value)) values.delete(value);
    }
    for (const [output, handle] of Object.entries(keep)) {
      this.tensors.set(handle, values.get(output) ?? fail(new ModelCallFailed(name, new RangeError(`It has no output "${output}".`))));
    }
    const leaving = [...values].filter(([output]) => !Object.hasOwn(keep, output));
    return Object.fromEntries(leaving.map(([output, result]) => [output, fromRuntime(result)]));
  }

  /** Runs a graph of one piece with ONNX Runtime's profile on, which tells where each of its nodes ran. */
  private async place({ graph, inputs }: CommandOf<'place'>): Promise<PlacedOperator[]> {
    const folder = await mkdtemp(path.join(tmpdir(), 'atelier-placement-'));
    try {
      const profiled = { enableProfiling: true, profileFilePrefix: path.join(folder, 'profile') };
      const model = await this.create(graph.pieces[0].bytes, graph.weightsFolder, this.provider, profiled).catch((cause: unknown) =>
        fail(new ModelNotOpened(graph.name, cause)),
      );
      const feeds = Object.fromEntries(Object.entries(inputs).map(([input, value]) => [input, toRuntime(value)]));
      await model.run(feeds).catch((cause: unknown) => fail(new ModelCallFailed(graph.name, cause)));
      model.endProfiling();
      await model.release();
      const [profile] = await readdir(folder);
      return placementIn(await readFile(path.join(folder, profile), 'utf8'));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /**
   * Opens a session. On the CPU it leaves all weights mapped from their file, unless they are to be prepacked: opening is quick, and the
   * memory is the system's to take back. Elsewhere they have to be copied into the device's memory anyway.
   */
  private create(
    model: Uint8Array,
    weightsFolder: string,
    provider = this.provider,
    { isPrepacked = false, hasArena = false, ...more }: OpeningOptions = {},
  ): Promise<InferenceSession> {
    const bytes = this.suited(model, provider, isPrepacked);
    return InferenceSession.create(bytes, {
      executionProviders: [this.suitedProvider(bytes, provider)],
      intraOpNumThreads: this.threads,
      graphOptimizationLevel: isPrepacked ? 'all' : 'extended', // 'all' copies convolution weights into a blocked layout
      enableMemPattern: false, // less scratch memory
      enableCpuMemArena: hasArena || !hasSharedHeap(), // an arena keeps the most that a call of its session ever needed
      logSeverityLevel: 3,
      extra: {
        session: {
          model_external_initializers_file_folder_path: weightsFolder,
          disable_prepacking: isPrepacked ? '0' : '1', // prepacking copies every weight
          x64quantprecision: this.sumsBytesSlowly ? '1' : '0',
          force_spinning_stop: '1', // else the threads of the last session keep the cores from the next
        },
      },
      ...more,
    });
  }

  /** The model as the provider can run it. */
  private suited(model: Uint8Array, provider: Provider, isPrepacked: boolean): Uint8Array {
    if (provider === 'cpu') return isPrepacked ? withConstantWeights(model) : model;
    const loaded = withConstantWeights(model);
    return this.abilities.fusedAttention ? loaded : composeAttention(loaded);
  }

  /** The provider, told to leave to the CPU what it cannot compute itself: looking words up in a half-precision table, on some graphics cards. */
  private suitedProvider(model: Uint8Array, provider: Provider): InferenceSession.ExecutionProviderConfig {
    if (provider !== 'webgpu' || this.abilities.halfPrecision) return provider;
    const forceCpuNodeNames = halfPrecisionNodes(model);
    return forceCpuNodeNames.length === 0 ? provider : { name: provider, forceCpuNodeNames };
  }

  private sessionOf(session: number): OpenGraph {
    return this.sessions.get(session) ?? fail(new NotOnDevice('session', session));
  }

  private tensorOf(value: DeviceValue): Tensor {
    if (!('handle' in value)) return toRuntime(value);
    return this.tensors.get(value.handle) ?? fail(new NotOnDevice('tensor', value.handle));
  }
}

function pick(values: ReadonlyMap<string, Tensor>, names: readonly string[]): Record<string, Tensor> {
  return Object.fromEntries(names.flatMap((name) => (values.has(name) ? [[name, values.get(name)!]] : [])));
}

function toRuntime({ type, shape, data }: DeviceTensor): Tensor {
  return new Tensor(type, data, shape);
}

function fromRuntime({ type, dims, data }: Tensor): DeviceTensor {
  const shape = [...dims];
  if (type === 'float32') return { type, shape, data: data as Float32Array };
  if (type === 'int32') return { type, shape, data: data as Int32Array };
  if (type === 'int64') return { type, shape, data: data as BigInt64Array };
  throw new TypeError(`An output of type ${type} cannot leave the device.`);
}

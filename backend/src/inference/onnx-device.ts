import { fail } from '@atelier/sdk';
import type { DeviceCommand, DeviceFacts, DeviceGraph, DeviceOptions, DeviceTensor, DeviceValue, FromDevice } from '@atelier/sdk/contracts';
import { InferenceSession, listSupportedBackends, Tensor, env } from 'onnxruntime-node';
import { GraphBuilder } from '../onnx/graph-builder.js';
import { ModelCallFailed, ModelNotOpened, NotOnDevice, ProviderMissing } from './errors.js';
import { physicalCores } from './physical-cores.js';

type CommandOf<Type extends DeviceCommand['type']> = Extract<DeviceCommand, { type: Type }>;

/** ONNX Runtime with its open sessions and the tensors that stay. Lives in the device process. */
export class OnnxDevice {
  private readonly sessions = new Map<number, { name: string; model: InferenceSession }>();
  private readonly tensors = new Map<number, Tensor>();

  private constructor(
    private readonly provider: DeviceFacts['provider'],
    private readonly threads: number,
  ) {}

  /**
   * Chooses the provider and proves that it works.
   *
   * @throws ProviderMissing when one was asked for by name and cannot be had. Nothing else is taken in its place.
   */
  static async start({ provider, threads }: DeviceOptions): Promise<OnnxDevice> {
    const known = listSupportedBackends().map(({ name }) => name);
    const chosen = provider === 'auto' ? 'cpu' : provider; // until others have been measured, the CPU is what surely works
    if (!known.includes(chosen)) throw new ProviderMissing(chosen, known);
    const device = new OnnxDevice(chosen, threads ?? physicalCores());
    if (chosen !== 'cpu') {
      const trial = await device.create(trivialGraph()).catch((cause: unknown) => fail(new ProviderMissing(chosen, known, { cause })));
      await trial.release();
    }
    return device;
  }

  async carryOut(command: Exclude<DeviceCommand, { type: 'start' }>): Promise<FromDevice['result']> {
    switch (command.type) {
      case 'open':
        await this.open(command);
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
        return { status: 'outputs', tensors: await this.run(command) };
      case 'facts':
        return { status: 'facts', facts: this.facts() };
    }
  }

  facts(): DeviceFacts {
    return {
      provider: this.provider,
      threads: this.threads,
      runtime: `ONNX Runtime ${env.versions.node ?? env.versions.common}`,
      memoryBytes: process.memoryUsage.rss(),
      sessions: this.sessions.size,
      tensors: this.tensors.size,
    };
  }

  private async open({ session, graph }: CommandOf<'open'>): Promise<void> {
    const model = await this.create(graph).catch((cause: unknown) => fail(new ModelNotOpened(graph.name, cause)));
    this.sessions.set(session, { name: graph.name, model });
  }

  private async close({ session }: CommandOf<'close'>): Promise<void> {
    const { model } = this.sessionOf(session);
    this.sessions.delete(session);
    await model.release();
  }

  private async run({ session, inputs, keep }: CommandOf<'run'>): Promise<Record<string, DeviceTensor>> {
    const { name, model } = this.sessionOf(session);
    const feeds = Object.fromEntries(Object.entries(inputs).map(([input, value]) => [input, this.tensorOf(value)]));
    const results = await model.run(feeds).catch((cause: unknown) => fail(new ModelCallFailed(name, cause)));
    for (const [output, handle] of Object.entries(keep)) {
      this.tensors.set(handle, results[output] ?? fail(new ModelCallFailed(name, new RangeError(`It has no output "${output}".`))));
    }
    const leaving = Object.entries(results).filter(([output]) => !Object.hasOwn(keep, output));
    return Object.fromEntries(leaving.map(([output, result]) => [output, fromRuntime(result)]));
  }

  /** Opens a session that leaves all weights mapped from their file: opening is quick, and the memory is the system's to take back. */
  private create(graph: DeviceGraph): Promise<InferenceSession> {
    return InferenceSession.create(graph.pieces[0].bytes, {
      executionProviders: [this.provider],
      intraOpNumThreads: this.threads,
      graphOptimizationLevel: 'extended', // 'all' copies convolution weights into a blocked layout
      enableMemPattern: false, // less scratch memory
      logSeverityLevel: 3,
      extra: {
        session: {
          model_external_initializers_file_folder_path: graph.weightsFolder,
          disable_prepacking: '1', // prepacking copies every weight
          force_spinning_stop: '1', // else the threads of the last session keep the cores from the next
        },
      },
    });
  }

  private sessionOf(session: number): { name: string; model: InferenceSession } {
    return this.sessions.get(session) ?? fail(new NotOnDevice('session', session));
  }

  private tensorOf(value: DeviceValue): Tensor {
    if (!('handle' in value)) return toRuntime(value);
    return this.tensors.get(value.handle) ?? fail(new NotOnDevice('tensor', value.handle));
  }
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

/** The smallest graph a provider can show itself on. */
function trivialGraph(): DeviceGraph {
  const graph = new GraphBuilder('trial');
  graph.output('y', graph.input('x', 'float32', ['length']), ['length']);
  return graph.finish();
}

import path from 'node:path';
import type { ErrorReport } from '@atelier/sdk';
import { Provider, type CheckpointEntry, type PlacedOperator } from '@atelier/sdk/contracts';
import type { Options } from '../command-line.js';
import { chooseProvider, type ChosenProvider } from '../inference/choose-provider.js';
import { Device } from '../inference/device.js';
import { installStep } from '../inference/install-step.js';
import { tryProvider, type ProviderTrial } from '../inference/try-provider.js';
import { CheckpointIndex } from '../library/checkpoint-index.js';
import { modelFoldersOf } from '../library/extra-model-paths.js';
import { families } from '../model-families/families.js';
import { describeMachine, type Machine } from './machine.js';
import { placeStableDiffusion1 } from './sd1-placement.js';

/** Less than this is full soon: some hundred pictures. */
const LITTLE_SPACE = 200e6;

/** A provider of the runtime, tried in a device process of its own. */
export type ProviderFinding =
  | { provider: Provider; works: true; timesCpuSpeed: number; halfPrecision: boolean; replacedOperators: string[] }
  | { provider: Provider; works: false; why: string; toInstall: string };

/** The model files of one kind. */
export interface ModelsFound {
  kind: string;
  usable: string[];
  unusable: { name: string; why: string }[];
}

/** Operators of the Stable Diffusion 1 graphs that run on the CPU, network by network. */
export interface CpuOperators {
  /** Those that compute, and cost a way to the CPU and back. */
  computing: string[];
  /** Those that only work out sides of tensors, which belong there. */
  shapeArithmetic: string[];
}

/** What stands in the way of a picture. */
export type Obstacle = Pick<ErrorReport, 'message' | 'hint'>;

/** Everything that the doctor finds out. */
export interface Findings {
  machine: Machine;
  /** Null when no device process starts at all. */
  runtime: string | null;
  providers: ProviderFinding[];
  chosen: ChosenProvider;
  /** Null when models run on the CPU anyway. */
  onCpu: Record<string, CpuOperators> | null;
  models: ModelsFound[];
  /** Nothing here: a picture can be made. */
  obstacles: Obstacle[];
}

/**
 * Looks at the machine, tries every provider, and asks what models there are.
 *
 * @param program what becomes the device process.
 */
export async function examine(options: Options, program: string): Promise<Findings> {
  const start = { threads: options.threads ?? null };
  const trials = new Map<Provider, ProviderTrial>();
  for (const provider of Provider.options)
    trials.set(provider, await tryProvider(provider, { entry: program, options: async () => start }));
  const cpu = trials.get('cpu')!;
  const chosen = await chooseProvider(options.device, async (provider) => trials.get(provider)!);
  const chosenTrial = trials.get(chosen.provider)!;
  const [machine, models] = await Promise.all([describeMachine(options), modelsFound(options)]);
  return {
    machine,
    runtime: cpu.works ? cpu.facts.runtime : null,
    providers: [...trials.values()].map((trial) => findingOf(trial, cpu)),
    chosen,
    onCpu: chosen.provider !== 'cpu' && chosenTrial.works ? await operatorsOnCpu(chosen.provider, program) : null,
    models,
    obstacles: obstaclesOf(chosenTrial, machine, models),
  };
}

function findingOf(trial: ProviderTrial, cpu: ProviderTrial): ProviderFinding {
  const { provider } = trial;
  if (!trial.works) return { provider, works: false, why: trial.problem.message, toInstall: installStep(provider) };
  const { halfPrecision, replacedOperators } = trial.facts;
  return { provider, works: true, timesCpuSpeed: cpu.works ? cpu.seconds / trial.seconds : Infinity, halfPrecision, replacedOperators };
}

/** Why no picture can be made, each with what to do. */
export function obstaclesOf(chosen: ProviderTrial, { folders }: Pick<Machine, 'folders'>, models: readonly ModelsFound[]): Obstacle[] {
  const obstacles: Obstacle[] = [];
  if (!chosen.works) obstacles.push({ message: chosen.problem.message, hint: chosen.problem.hint });
  if (!models.some(({ kind, usable }) => kind === 'checkpoints' && usable.length > 0)) {
    obstacles.push({
      message: 'There is no checkpoint that can be used.',
      hint: 'Put a .safetensors file into models/checkpoints, or name another folder with --models-dir.',
    });
  }
  const [data, outputs] = folders;
  for (const { folder, isWritable, freeBytes } of [data, outputs]) {
    if (!isWritable)
      obstacles.push({
        message: `Nothing can be written to ${folder}.`,
        hint: 'Change its owner, or name another with --data-dir or --outputs-dir.',
      });
    else if (freeBytes < LITTLE_SPACE)
      obstacles.push({ message: `The disk of ${folder} is full.`, hint: 'Make room there, or name a folder on another disk.' });
  }
  return obstacles;
}

/** What the index of the library knows, kind by kind. */
async function modelsFound(options: Options): Promise<ModelsFound[]> {
  const index = await CheckpointIndex.open(path.join(options.dataDir, 'index.db'), await modelFoldersOf(options), () => families);
  try {
    await index.refresh();
    const found: Record<string, readonly Pick<CheckpointEntry, 'name' | 'problem'>[]> = {
      checkpoints: index.list(),
      VAEs: index.vaes,
      'text encoders': index.textEncoders,
    };
    return Object.entries(found).map(([kind, entries]) => ({
      kind,
      usable: entries.filter(({ problem }) => !problem).map(({ name }) => name),
      unusable: entries.flatMap(({ name, problem }) => (problem ? [{ name, why: problem.message }] : [])),
    }));
  } finally {
    await index.close();
  }
}

async function operatorsOnCpu(provider: Provider, program: string): Promise<Record<string, CpuOperators>> {
  const device = new Device({ entry: program, options: async () => ({ provider }) });
  try {
    const placed = await placeStableDiffusion1(device);
    return Object.fromEntries(Object.entries(placed).map(([network, operators]) => [network, cpuOperatorsOf(operators)]));
  } finally {
    await device.end('the examination is over');
  }
}

/** Those on the CPU, as `Gather ×83`. */
export function cpuOperatorsOf(operators: readonly PlacedOperator[]): CpuOperators {
  const onCpu = operators.filter((operator) => operator.onCpu);
  const named = (isShape: boolean) =>
    onCpu.filter(({ isShapeArithmetic }) => isShapeArithmetic === isShape).map(({ operator, count }) => `${operator} ×${count}`);
  return { computing: named(false), shapeArithmetic: named(true) };
}

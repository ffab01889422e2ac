import path from 'node:path';
import {
  fail,
  ReportedError,
  tensor,
  type Component,
  type GraphOptions,
  type ModelFamily,
  type ModelPlan,
  type Tensor,
  type TextEncoderKind,
} from '@atelier/sdk';
import type {
  BranchChoice,
  CheckpointEntry,
  DeviceTensor,
  DeviceValue,
  EmbeddingEntry,
  Loading,
  MemoryChoice,
  Settings,
} from '@atelier/sdk/contracts';
import type { Vae } from '../model-families/vae/vae.js';
import { clipConfig, clipGraph } from '../model-families/text-encoders/clip.js';
import { t5Config, t5Graph } from '../model-families/text-encoders/t5.js';
import { readDiffusionModel } from './checkpoint-facts.js';
import type { CheckpointIndex } from './checkpoint-index.js';
import { stateOf } from './file-state.js';
import type { LoadedModel } from './loaded-model.js';
import { fitsEncoders } from './embedding-files.js';
import { EncodedTexts } from './encoded-texts.js';
import { bytesOf, chooseBranches, chooseMemory, diffusionBytes, vaeBytes } from './memory-policy.js';
import { gatherParts } from './model-parts.js';
import { partNames } from './part-errors.js';
import { PictureCoder } from './picture-coder.js';
import { choosePrecision, type ChosenPrecision } from './precision.js';
import { inEightBits } from './quantised-weights.js';
import { ResidentTensors, sent } from './resident-tensors.js';
import { readSidecars } from './sidecars.js';
import { SessionShelf, type LivingDevice, type Opening, type Purpose, type ShelvedNetwork } from './session-shelf.js';
import { hasEmbeddings, textEncoderInputs } from './text-encoder-inputs.js';
import { tinyAutoencoderOf } from './tiny-autoencoders.js';
import { WeightCache } from './weight-cache.js';

/** Pieces of a diffusion model, between which a run can be interrupted. */
const MOST_PIECES = 10;

/** The settings that say how models are held in memory. */
export type MemorySettings = Pick<Settings, 'modelMemory' | 'prepack' | 'weightCacheGb'>;

/** What is loaded, for which plan, and the files it lives in as they were then. */
interface Loaded {
  key: string;
  model: LoadedModel;
  states: ReadonlyMap<string, string>;
  /** For which networks and settings the choice of memory was made: while they stay, so does it. */
  memoryKey: string;
  memory: MemoryChoice;
}

/** Opens checkpoints on the device, one at a time, and keeps the last one open. */
export class ModelLibrary {
  private loaded: Loaded | undefined;
  private readonly sessions: SessionShelf;
  private readonly resident: ResidentTensors;
  private readonly texts = new EncodedTexts();
  private readonly openingListeners = new Set<(loading: Loading | null) => void>();
  /** Networks of the loaded model that have been open, and how many it has. */
  private readonly openedOnce = new Set<string>();
  private networkCount = 1;
  private readonly weightCache: WeightCache;

  /**
   * @param families what can be run, in the order in which they are tried.
   * @param settings as they are now; asked whenever a model is wanted.
   * @param cacheDir where copies of weights are kept.
   */
  constructor(
    private readonly index: CheckpointIndex,
    private readonly device: LivingDevice,
    private readonly families: () => readonly ModelFamily[],
    private readonly settings: () => MemorySettings,
    cacheDir: string,
  ) {
    this.sessions = new SessionShelf(device, (opening) => this.tellOpening(opening));
    this.resident = new ResidentTensors(device);
    this.weightCache = new WeightCache(path.join(cacheDir, 'weights'), () => settings().weightCacheGb * 1e9);
  }

  /** Names of all checkpoints there are, usable or not. */
  names(): string[] {
    return this.index.names();
  }

  /** How the branches of guidance were asked last, and why. */
  guidance: BranchChoice | null = null;

  /** Which networks of the loaded model stay open, and why. */
  get memory(): MemoryChoice | null {
    return this.loaded?.memory ?? null;
  }

  /**
   * The planned model. One that is there already is handed over as it is, unless one of its files has changed.
   *
   * @param yieldPoint called between the pieces of long work. What it throws ends it.
   * @throws CheckpointNotFound | PartMissing, or the file's own problem.
   */
  async load(plan: ModelPlan, yieldPoint?: () => void): Promise<LoadedModel> {
    const entry = this.index.find(plan.checkpoint);
    if (entry.problem) throw new ReportedError(entry.problem);
    const precision = choosePrecision(plan.precision, await this.device.facts());
    const { modelMemory, prepack } = this.settings();
    const key = `${await keyOf(entry.file)} ${JSON.stringify([plan, precision, modelMemory, prepack, entry.prediction, entry.automaticVae])}`;
    if (this.loaded?.key === key && (await areUnchanged(this.loaded.states))) return this.loaded.model;
    this.loaded = { key, ...(await this.prepare({ ...plan, precision }, entry, { modelMemory, prepack }, yieldPoint)) };
    return this.loaded.model;
  }

  /** Tells what is being opened, and null when it is open. */
  onOpening(listener: (loading: Loading | null) => void): Disposable {
    this.openingListeners.add(listener);
    return { [Symbol.dispose]: () => this.openingListeners.delete(listener) };
  }

  private tellOpening(opening: Opening | null): void {
    if (opening) this.openedOnce.add(opening.key);
    const [opened, of] = [this.openedOnce.size - 1, Math.max(this.networkCount, this.openedOnce.size)];
    const loading = opening && { network: opening.network, opened, of, ...(opening.bytes && { bytes: opening.bytes }) };
    for (const listener of this.openingListeners) listener(loading);
  }

  /** Closes what is open; its memory goes back. */
  async close(): Promise<void> {
    this.loaded = undefined;
    await this.resident.clear();
    await this.sessions.closeUnless(() => false);
  }

  private async prepare(
    plan: ModelPlan & { precision: ChosenPrecision },
    entry: CheckpointEntry,
    settings: Pick<MemorySettings, 'modelMemory' | 'prepack'>,
    yieldPoint?: () => void,
  ): Promise<Omit<Loaded, 'key'>> {
    const { device, sessions, resident, texts } = this;
    const sidecars = await readSidecars(entry.file);
    const diffusion = await readDiffusionModel(entry.file, this.families(), sidecars);
    const { family, model, traits } = diffusion;
    const { folders } = this.index;
    const parts = await gatherParts(plan, { file: entry.file, model: diffusion, sidecars }, folders);
    const { vae, vaeName, textEncoders } = parts;
    const states = await statesOf([model, vae.decoder.weights, vae.encoder.weights, ...textEncoders.values()]);
    const place = ({ file }: Component) => states.get(file)!;
    const opened = `model in ${plan.precision}${settings.prepack ? ', prepacked' : ''}`;
    await sessions.closeUnless((key, purpose) =>
      [...states.values()].some((state) => key.startsWith(state) && (purpose !== 'diffusion' || key.endsWith(opened))),
    );
    const memoryKey = JSON.stringify([...states.values(), plan.precision, settings]);
    if (this.loaded?.memoryKey !== memoryKey) this.openedOnce.clear();
    this.networkCount = traits.textEncoders.filter(({ kind }) => textEncoders.has(kind)).length + 2; // and the model and a decoder
    const { provider } = await device.facts();
    const onCard = provider !== 'cpu'; // where weights have to be copied
    const modelWeights = { component: model, copyBytes: onCard || settings.prepack ? bytesPerValue(plan.precision) : 0 };
    const others = new Set([vae.decoder.weights, vae.encoder.weights, ...textEncoders.values()]);
    const networks = [modelWeights, ...[...others].map((component) => ({ component, copyBytes: onCard ? 4 : 0 }))];
    const memory =
      this.loaded?.memoryKey === memoryKey
        ? this.loaded.memory
        : chooseMemory(settings.modelMemory, networks, { provider, freeBytes: process.availableMemory() });
    sessions.isSwapping = memory.policy === 'swap';
    let sha256: Promise<string> | undefined;

    const coderOf = (vae: Vae, purpose: Purpose, place: (weights: Component) => string) =>
      new PictureCoder(vae, traits.latent, async ({ weights, graph }, { name, value }) => {
        const [, , height, width] = value.shape;
        const cells = (height * width) / (name === 'image' ? traits.latent.downscale ** 2 : 1);
        const network: ShelvedNetwork = {
          key: `${place(weights)} vae from ${name}`,
          purpose,
          neededBytes: vaeBytes(weights, cells),
          write: graph,
        };
        const answer = await sessions.use(network, (session) => device.run(session, { [name]: sent(value) }));
        return received(name === 'latent' ? answer.image : answer.mean);
      });
    const coder = coderOf(vae, 'pixels', place);
    const clips = new Map<TextEncoderKind, number>(
      [...textEncoders].flatMap(([kind, clip]) => (kind === 't5' ? [] : [[kind, clipConfig(clip, kind).width] as const])),
    );

    const graphOptions: GraphOptions = { arithmetic: plan.precision === 'fp16' ? 'float16' : 'float32', mostPieces: MOST_PIECES };
    const write = (weights: Component) => family.graph(weights, graphOptions);
    const modelKey = `${place(model)} ${opened}`;
    const weights = async (onPiece?: (made: number, of: number) => void) => {
      if (plan.precision !== 'int8') return model;
      const content = [await this.index.sha256(entry), await stateOf(entry.file)];
      return await inEightBits({ model, write, content: JSON.stringify(content) }, this.weightCache, onPiece);
    };
    let isMaking = false;
    try {
      await weights((read, of) => {
        isMaking = true;
        this.tellOpening({ key: modelKey, network: 'diffusion model in int8', bytes: { read, of } });
        yieldPoint?.();
      });
    } finally {
      if (isMaking) this.tellOpening(null);
    }

    const loaded: LoadedModel = {
      checkpoint: entry.name,
      family,
      traits,
      precision: plan.precision,
      vae: vaeName,
      textEncoders: plan.textEncoders,
      sha256: () => {
        sha256 ??= this.index.sha256(entry);
        sha256.catch(() => {}); // whoever awaits it hears of it; a rejection that nobody awaits yet must not end the process
        return sha256;
      },
      reads: (kind) => textEncoders.has(kind),
      embeddings: () => {
        const fits = (entry: EmbeddingEntry) => entry.problem === null && fitsEncoders(entry, clips);
        const { embeddings } = this.index;
        return { fitting: embeddings.filter(fits), others: embeddings.filter((entry) => !fits(entry)) };
      },
      async encodeText(use, rows) {
        const encoder = textEncoders.get(use.kind) ?? fail(new TypeError(`There is no ${partNames[use.kind]} to read with.`));
        const reading = { layer: use.layer(plan.clipSkip), finalNorm: use.finalNorm, pooled: use.pooled };
        const key = `${place(encoder)} ${use.kind} ${JSON.stringify(reading)}`;
        return await texts.of(key, rows, async (missing) => {
          const takesEmbeddings = missing.some(hasEmbeddings);
          const network: ShelvedNetwork = {
            key: takesEmbeddings ? `${key} with embeddings` : key,
            purpose: 'text',
            neededBytes: bytesOf({ component: encoder, copyBytes: 0 }),
            write: () => textEncoderGraph(encoder, use.kind, { ...reading, takesEmbeddings }),
          };
          const inputs = await textEncoderInputs(missing, use.kind, clips.get(use.kind));
          const { hidden, pooled } = await sessions.use(network, (session) => device.run(session, inputs));
          return pooled === undefined ? { hidden: received(hidden) } : { hidden: received(hidden), pooled: received(pooled) };
        });
      },
      async predict(x, timestep, { context, vector }, inputs) {
        const network: ShelvedNetwork = {
          key: modelKey,
          purpose: 'diffusion',
          neededBytes: diffusionBytes(modelWeights, x.shape),
          prepack: settings.prepack,
          write: async () => write(await weights()),
        };
        const constant = { context, ...(vector && { vector }), ...inputs };
        const values: Record<string, DeviceValue> = {
          x: sent(x),
          timesteps: sent(tensor([x.shape[0]], new Float32Array(x.shape[0]).fill(timestep))),
        };
        for (const [name, input] of Object.entries(constant)) values[name] = await resident.valueOf(input);
        return received((await sessions.use(network, (session) => device.run(session, values))).prediction);
      },
      keepsNetworks: memory.policy === 'keep',
      branchesTogether: (latentShape) => {
        this.guidance = chooseBranches(modelWeights, latentShape, { provider, freeBytes: process.availableMemory() });
        return this.guidance.together;
      },
      decode: (latents, options) => coder.decode(latents, options),
      encode: (images, options) => coder.encode(images, options),
      async openTinyDecoder() {
        const tiny = await tinyAutoencoderOf(traits, folders);
        const state = await keyOf(tiny.decoder.weights.file);
        const previews = coderOf(tiny, 'preview', () => state);
        return (latents) => previews.decode(latents);
      },
    };
    return { model: loaded, states, memoryKey, memory };
  }
}

/** Of a copy of the diffusion model. */
function bytesPerValue(precision: ChosenPrecision): number {
  return precision === 'fp16' ? 2 : 4;
}

function textEncoderGraph(encoder: Component, kind: TextEncoderKind, reading: Parameters<typeof clipGraph>[2]) {
  return kind === 't5' ? t5Graph(encoder, t5Config(encoder), reading.layer) : clipGraph(encoder, clipConfig(encoder, kind), reading);
}

/** What tells that a file, or a folder of files, is still the same. */
async function keyOf(file: string): Promise<string> {
  const { sizeBytes, changedMs } = await stateOf(file);
  return `${file} ${sizeBytes} ${changedMs}`;
}

/** The state of each file that networks lie in. */
async function statesOf(components: readonly Component[]): Promise<Map<string, string>> {
  const files = [...new Set(components.map(({ file }) => file))];
  return new Map(await Promise.all(files.map(async (file) => [file, await keyOf(file)] as const)));
}

async function areUnchanged(states: ReadonlyMap<string, string>): Promise<boolean> {
  const now = await Promise.all([...states].map(async ([file, state]) => (await keyOf(file)) === state));
  return now.every(Boolean);
}

function received(value: DeviceTensor): Tensor {
  if (value.type !== 'float32') throw new TypeError(`The model answered with ${value.type} where float32 was due.`);
  return tensor(value.shape, value.data);
}

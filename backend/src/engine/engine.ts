import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AppError, reportOf } from '@atelier/sdk';
import {
  EngineQuestions,
  type EngineQuestion,
  type ErrorReport,
  type FromEngine,
  type QuestionInput,
  type QuestionOutput,
  Settings,
  type Txt2ImgRequest,
} from '@atelier/sdk/contracts';
import type { Options } from '../command-line.js';
import { samplers } from '../diffusion/samplers/index.js';
import { schedulers } from '../diffusion/schedulers/index.js';
import { ExtensionHost } from '../extensions/extension-host.js';
import { createBus, type Bus } from '../hooks/index.js';
import { chooseProvider } from '../inference/choose-provider.js';
import { Device } from '../inference/device.js';
import { tryProvider } from '../inference/try-provider.js';
import { families } from '../model-families/families.js';
import { CheckpointIndex } from '../library/checkpoint-index.js';
import { modelFoldersOf } from '../library/extra-model-paths.js';
import { ModelLibrary } from '../library/model-library.js';
import { watchModels } from '../library/model-watcher.js';
import { suitedPrecision } from '../library/precision.js';
import { JobControl } from '../pipeline/job-control.js';
import { Shelves } from '../pipeline/shelves.js';
import { countTokens, EmbeddingNames, loadClipTokenizer } from '../prompt/index.js';
import { buildCatalogue } from './catalogue.js';
import { runJob, type JobSurroundings } from './run-job.js';
import { RunningTapFile } from './running-tap-file.js';
import { blameStrayErrors } from './stray-errors.js';

/** The program that becomes the device process too. */
const program = fileURLToPath(new URL('../main.js', import.meta.url));

/** The device that the options ask for. Where it runs is found out at once, while the rest starts, and only once. */
function deviceFor({ device, threads }: Options, settings: () => Settings): Device {
  const start = { threads: threads ?? null };
  const chosen = chooseProvider(device, (provider) => tryProvider(provider, { entry: program, options: async () => start }));
  return new Device({
    entry: program,
    async options() {
      const { provider, because } = await chosen;
      return { ...start, provider, chosenBecause: because, copiesWeights: settings().prepack };
    },
  });
}

/** A question that this engine does not know. */
class QuestionUnknown extends AppError {
  readonly code = 'question-unknown';
  override readonly kind = 'internal';
  constructor(question: string) {
    super(`The engine cannot answer "${question}".`, `It answers: ${Object.keys(EngineQuestions).join(', ')}.`);
  }
}

/** How an engine is started. */
export interface EngineStart {
  options: Options;
  settings: Settings;
  /** Extensions that must not start, because an engine died in their code, with the reason. */
  suspects: Readonly<Record<string, ErrorReport>>;
  emit: (message: FromEngine) => void;
  /** Where finished pictures go, when not into the outputs folder. */
  fileOf?: JobSurroundings['fileOf'];
}

type Answers = { [Q in EngineQuestion]: (input: QuestionInput<Q>) => Promise<QuestionOutput<Q>> };

/** Everything between a job and its pictures: the pipeline, the hook bus, the extensions, the models. One on a machine. */
export class Engine {
  private running: { jobId: string; control: JobControl } | undefined;
  private watcher: AsyncDisposable | undefined;

  private constructor(
    private readonly begun: EngineStart,
    private settings: Settings,
    private readonly bus: Bus,
    private readonly tapFile: RunningTapFile,
    private readonly index: CheckpointIndex,
    private readonly device: Device,
    private readonly library: ModelLibrary,
    private readonly extensions: ExtensionHost,
  ) {}

  /** Starts everything that a job needs but the model, and tells the catalogue and that jobs may come. */
  static async start(begun: EngineStart): Promise<Engine> {
    const { options, emit } = begun;
    const tapFile = new RunningTapFile(path.join(options.dataDir, 'running-tap.json'));
    const bus = createBus({ onTap: (running) => tapFile.write(running) });
    blameStrayErrors(bus);
    const device = deviceFor(options, () => engine.settings);
    const modelFamilies = () => extensions.nouns().modelFamilies.map(({ item }) => item);
    const index = await CheckpointIndex.open(path.join(options.dataDir, 'index.db'), await modelFoldersOf(options), modelFamilies);
    const cacheDir = path.join(options.dataDir, 'cache');
    const library: ModelLibrary = new ModelLibrary(index, device, modelFamilies, () => engine.settings, cacheDir);
    const extensions: ExtensionHost = new ExtensionHost({
      bus,
      folders: options.extensionsDirs,
      dataDir: options.dataDir,
      settings: () => engine.settings,
      core: { samplers, schedulers, modelFamilies: families },
      safe: options.safe,
      watch: options.watchExtensions,
      suspects: begun.suspects,
    });
    const engine = new Engine(begun, begun.settings, bus, tapFile, index, device, library, extensions);
    await extensions.start();
    await index.refresh(); // after it: extensions bring kinds of models
    extensions.onChange(({ id, uiUrl }) => {
      emit({ type: 'extension-changed', id, url: uiUrl });
      engine.publish();
    });
    index.onChange(() => engine.publish());
    engine.publish();
    emit({ type: 'ready' });
    const active = extensions.entries().filter(({ state }) => state === 'active');
    await bus.points.onEngineReady.call({ extensions: active.map(({ id }) => id) });
    void engine.tellStatus(); // starts the device, so that the first job finds it warm
    return engine;
  }

  /** From now on, what is put into the folders of models and what is taken away is noticed. */
  watchModels(): void {
    const { index } = this;
    const complain = (error: unknown): void => {
      process.stderr.write(`New models are not noticed by themselves any more: ${reportOf(error).message}\n`); // the page can look again by hand
    };
    this.watcher = watchModels(index.folders, () => void index.refresh().catch(complain), complain);
  }

  /** Runs a job, between changes of extensions. Its end is told as `finished`, whatever it is. */
  async run(jobId: string, request: Txt2ImgRequest, firstBatch = 0): Promise<void> {
    const control = new JobControl();
    this.running = { jobId, control };
    await this.device.refresh();
    await this.extensions.duringJob(() =>
      runJob({ id: jobId, request }, control, {
        bus: this.bus,
        library: this.library,
        shelves: this.shelves(),
        outputsDir: this.begun.options.outputsDir,
        output: this.settings.output,
        livePreviews: this.settings.livePreviews,
        previewMethod: this.settings.previewMethod,
        fileOf: this.begun.fileOf,
        emit: this.begun.emit,
        firstBatch,
      }),
    );
    this.running = undefined;
    this.publish(); // what extensions cost, and their faults
    await this.tellStatus();
  }

  cancel(jobId: string, mode: 'cancel' | 'keep' | 'skip'): void {
    if (this.running?.jobId !== jobId) return;
    this.running.control.request(mode);
    if (this.running.control.wantsInterruption) this.device.interrupt().catch(() => {}); // a device that has ended says so to the job
  }

  /** Ends the device under the job. The next job opens the model again. */
  async stopNow(jobId: string): Promise<void> {
    if (this.running?.jobId !== jobId) return;
    this.running.control.stop();
    await this.device.end('someone pressed "Stop now"');
  }

  async ask(question: string, input: unknown): Promise<unknown> {
    const name = question as EngineQuestion;
    if (!(name in EngineQuestions)) throw new QuestionUnknown(question);
    const { input: schema, output } = EngineQuestions[name];
    const answer = this.answers[name] as (input: unknown) => Promise<unknown>;
    return output.parse(await answer(schema.parse(input)));
  }

  /** Ends in good order: extensions are told, the device ends. */
  async stop(reason: string): Promise<void> {
    this.running?.control.request('cancel');
    await this.watcher?.[Symbol.asyncDispose]();
    await this.bus.points.onEngineStopping.call({ reason });
    await this.extensions.stop();
    await this.device.end('the engine ends');
    await this.index.close();
    this.tapFile.close();
  }

  private readonly answers: Answers = {
    'count-tokens': async ({ prompt }) => {
      const tokenizer = await loadClipTokenizer();
      const usable = this.index.embeddings.filter(({ problem }) => problem === null);
      return countTokens(prompt, tokenizer, new EmbeddingNames(usable, tokenizer));
    },
    'refresh-catalogue': async () => {
      await this.extensions.refresh();
      await this.index.refresh();
      this.publish();
      return {};
    },
    'apply-settings': async (settings) => {
      this.settings = Settings.parse(settings);
      await this.unlessBusy(this.extensions.settingsChanged());
      this.publish();
      return {};
    },
    'extension-route': ({ extension, route, input }) =>
      this.extensions.callRoute(extension, route, input).catch((error: unknown) => {
        this.publish(); // the fault stands on the extension's page
        throw error;
      }),
    'reload-extension': async ({ extension }) => {
      await this.unlessBusy(this.extensions.reload(extension));
      return {};
    },
  };

  /** Waits for a change of extensions. One that has to wait for the running job itself is told in the catalogue when it has happened. */
  private async unlessBusy(change: Promise<void>): Promise<void> {
    await (this.running ? Promise.race([change, nextTurn()]) : change);
  }

  private shelves(): Shelves {
    const { samplers, schedulers } = this.extensions.nouns();
    return new Shelves(samplers, schedulers, () => this.extensions.whoMightHaveBrought());
  }

  private publish(): void {
    this.begun.emit({ type: 'catalogue', catalogue: buildCatalogue(this.extensions, this.index) });
  }

  private async tellStatus(): Promise<void> {
    const facts = await this.device.facts().catch(() => null); // a device that does not start says why to the next job
    this.begun.emit({
      type: 'status',
      device: facts && (facts.provider === 'cpu' ? 'CPU' : facts.provider),
      chosenBecause: facts && facts.chosenBecause,
      precision: facts && suitedPrecision(facts),
      modelMemory: this.library.memory,
      guidance: this.library.guidance,
      memory: { engineBytes: process.memoryUsage.rss(), deviceBytes: facts?.memoryBytes ?? 0 },
    });
  }
}

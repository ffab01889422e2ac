import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { AppError, ReportedError, type HookName, type ModelFamily, type Sampler, type Scheduler } from '@atelier/sdk';
import type { ErrorReport, ExtensionEntry, Settings, TabEntry } from '@atelier/sdk/contracts';
import { ExtensionFault, type Bus, type Collected, type Collection } from '../hooks/index.js';
import { Activation } from './activation.js';
import { compile, type Compiled } from './compile.js';
import { checkNoun } from './definition.js';
import { ExtensionNotFound, ExtensionNotRunning, IdTaken, NotAnExtension, RequirementMissing, SafeMode, SwitchedOff } from './errors.js';
import { foldersIn } from './extension-folder.js';
import { ExtensionRecord, type Stage } from './extension-record.js';
import { watchFolders } from './folder-watcher.js';
import { byRequirement } from './load-order.js';
import { checkManifest, loadNative } from './manifest-file.js';
import { Turns } from './turns.js';
import { watchedSampler, watchedScheduler } from './watched-sampler.js';

export interface ExtensionHostOptions {
  bus: Bus;
  /** Where extensions lie: ours, then people's own. */
  folders: { builtin: string; user: string };
  /** `data/`: compiled code goes to `cache/extensions/`, what extensions keep to `extensions/<id>/`. */
  dataDir: string;
  settings: () => Pick<Settings, 'extensions' | 'disabledExtensions'>;
  /** What the core brings itself: nothing of an extension may take its names. */
  core?: { samplers: readonly Sampler[]; schedulers: readonly Scheduler[]; modelFamilies: readonly ModelFamily[] };
  /** Only our own extensions start. */
  safe?: boolean;
  /** Extensions in whose code the engine last died, with what is known of it. They do not start until they are reloaded. */
  suspects?: Readonly<Record<string, ErrorReport>>;
  /** Reload what changes on disk (development). */
  watch?: boolean;
  onLog?: (level: 'info' | 'warn', extension: string, message: string) => void;
  /** How long `activate` may take. */
  activationLimitMs?: number;
}

/** Everything that extensions brought and the core has, by registry. */
export interface Nouns {
  samplers: readonly Collected<Sampler>[];
  schedulers: readonly Collected<Scheduler>[];
  modelFamilies: readonly Collected<ModelFamily>[];
  tabs: readonly TabEntry[];
  /** Schemas of settings sections, by extension. */
  settings: ReadonlyMap<string, z.ZodObject>;
}

/** Finds, checks, compiles, activates, reloads and withdraws extensions, and answers for them. */
export class ExtensionHost {
  private readonly records: ExtensionRecord[] = [];
  private readonly suspects: Map<string, AppError>;
  private readonly listeners = new Set<(changed: ExtensionEntry) => void>();
  /** Not announced yet. */
  private readonly changed = new Set<ExtensionRecord>();
  /** Jobs and changes take turns, so that no extension changes in the middle of a job. */
  private readonly turns = new Turns();
  private readonly owned: Disposable[] = [];
  private watcher: AsyncDisposable | null = null;
  private collected: Nouns = { samplers: [], schedulers: [], modelFamilies: [], tabs: [], settings: new Map() };

  constructor(private readonly options: ExtensionHostOptions) {
    this.suspects = new Map(Object.entries(options.suspects ?? {}).map(([id, report]) => [id, new ReportedError(report)]));
    this.owned.push(options.bus.onFault(({ fault }) => this.running(fault.extension)?.addFault(fault)));
  }

  /** Loads everything there is. What fails is listed with its error and stops nobody else. */
  async start(): Promise<void> {
    await this.turns.take(() => this.discover());
    const { folders, watch } = this.options;
    if (watch) this.watcher = await watchFolders([folders.builtin, folders.user], (folder) => this.folderChanged(folder));
  }

  /** Runs a job's work; extensions do not change while it runs. */
  duringJob<T>(work: () => Promise<T>): Promise<T> {
    return this.turns.take(work);
  }

  /**
   * Looks at the folders again: new ones are loaded, missing ones withdrawn, failed ones tried again, between jobs. When
   * there is nothing to do it does not wait for a job.
   */
  async refresh(): Promise<void> {
    const { builtin, user } = this.options.folders;
    const present = (await Promise.all([foldersOf(builtin), foldersOf(user)])).flat();
    const isKnown = present.length === this.records.length && this.records.every(({ folder }) => present.includes(folder));
    const isWell = this.records.every(({ failure }) => failure === null || failure.error instanceof NotAnExtension);
    if (!isKnown || !isWell) await this.turns.take(() => this.discover());
  }

  /**
   * Loads an extension anew, between jobs: the new version is compiled and activated before the old one goes. When that
   * fails the old one stays and is *stale*. Also lifts the suspicion that the engine died in its code.
   *
   * @throws ExtensionNotFound
   */
  async reload(id: string): Promise<void> {
    this.find(id);
    await this.turns.take(async () => {
      const record = this.find(id);
      this.suspects.delete(id);
      await this.read(record);
      record.blocked = this.reasonNotToRun(record);
      if (!record.blocked && record.manifest && !record.failure) await this.run(record);
      this.changed.add(record);
      await this.settle();
    });
  }

  /** To be called when the settings have changed: withdraws those that are switched off now, loads those that no longer are. */
  settingsChanged(): Promise<void> {
    return this.turns.take(() => this.settle());
  }

  entries(): ExtensionEntry[] {
    return this.records.map((record) => this.entryOf(record));
  }

  nouns(): Nouns {
    return this.collected;
  }

  /**
   * Calls a route of an extension; input and output are checked by its schemas.
   *
   * @throws ExtensionNotFound, ExtensionNotRunning, RouteNotFound, RouteInputInvalid, ExtensionFault
   */
  async callRoute(id: string, route: string, input: unknown): Promise<unknown> {
    const record = this.find(id);
    if (!record.activation) throw new ExtensionNotRunning(id, record.trouble);
    return record.activation.callRoute(route, input);
  }

  /** Why something nobody has might be missing: a sentence for each extension that does not run as it should. */
  whoMightHaveBrought(): string[] {
    return this.records.map((record) => record.story).filter((story) => story !== null);
  }

  /** Told of each extension that was loaded, reloaded or withdrawn, or failed to be, after the registries were rebuilt. */
  onChange(listener: (changed: ExtensionEntry) => void): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => this.listeners.delete(listener) };
  }

  /** Withdraws everything. */
  async stop(): Promise<void> {
    await this.watcher?.[Symbol.asyncDispose]();
    await this.turns.take(async () => {
      for (const record of this.records) this.withdraw(record);
    });
    for (const handle of this.owned) handle[Symbol.dispose]();
  }

  /** Brings the list of records up to date with the folders, ours first, and starts what may run. */
  private async discover(): Promise<void> {
    for (const origin of ['builtin', 'user'] as const) {
      const folders = await foldersOf(this.options.folders[origin]);
      for (const gone of this.of(origin).filter((record) => !folders.includes(record.folder))) {
        this.withdraw(gone);
        this.records.splice(this.records.indexOf(gone), 1);
        this.changed.add(gone);
      }
      for (const folder of folders) await this.notice(origin, folder);
      this.sort();
      await this.settle(); // loaders among ours are running before other people's folders are looked at
    }
  }

  private async notice(origin: ExtensionRecord['origin'], folder: string): Promise<void> {
    let record = this.records.find((known) => known.folder === folder);
    if (record?.activation) return;
    if (!record) this.records.push((record = new ExtensionRecord(origin, folder)));
    await this.read(record);
  }

  /** Asks who can load the folder, and reads its manifest. */
  private async read(record: ExtensionRecord): Promise<void> {
    record.failure = null;
    let stage: Stage = 'found';
    try {
      const { folder } = record;
      const loadable = (await this.options.bus.points.resolveExtension.call({ folder })) ?? (await loadNative(folder));
      if (!loadable) throw new NotAnExtension(folder);
      stage = 'checked';
      const manifest = await checkManifest(loadable, path.basename(folder));
      const twin = this.records.find((other) => other !== record && other.manifest?.id === manifest.id);
      if (twin) throw new IdTaken(manifest.id, twin.folder);
      record.source = await realpath(loadable.folder); // people link a folder they work on into extensions/
      record.manifest = manifest;
    } catch (error) {
      // the loader is a border: whatever goes wrong with an extension is shown on its page and stops nobody else
      record.failure = { stage, error: this.named(record, stage, error) };
    }
  }

  /** Makes what runs what should run, and the registries what is running. */
  private async settle(): Promise<void> {
    for (let isSettled = false; !isSettled;) {
      isSettled = true;
      for (const record of this.records) {
        record.blocked = this.reasonNotToRun(record);
        if (record.blocked ? !record.activation : record.activation || record.failure || !record.manifest) continue;
        if (record.blocked) this.withdraw(record);
        else await this.run(record);
        isSettled = false; // others may require it
        this.changed.add(record);
      }
      if (this.withdrawFaulty()) isSettled = false;
    }
    this.announce();
  }

  /** Compiles and activates; an older version that runs goes when that has worked, and stays when not. */
  private async run(record: ExtensionRecord): Promise<void> {
    const { bus, dataDir, settings, onLog = () => {}, activationLimitMs = 20_000 } = this.options;
    const manifest = record.manifest!;
    let stage: Stage = 'compiled';
    try {
      const compiled: Compiled = await compile(manifest, record.source, path.join(dataDir, 'cache', 'extensions'));
      stage = 'activated';
      bus.forget(manifest.id);
      const activation = await Activation.start({
        bus,
        manifest,
        folder: record.source,
        dataFolder: path.join(dataDir, 'extensions', manifest.id),
        serverFile: compiled.server,
        savedSettings: () => settings().extensions[manifest.id],
        log: record.logTo(onLog),
        limitMs: activationLimitMs,
      });
      record.activation?.[Symbol.dispose]();
      Object.assign(record, { activation, compiled, failure: null });
    } catch (error) {
      record.failure = { stage, error: this.named(record, stage, error) };
    }
  }

  private withdraw(record: ExtensionRecord): void {
    record.activation?.[Symbol.dispose]();
    record.activation = null;
  }

  private reasonNotToRun(record: ExtensionRecord): AppError | null {
    const { id } = record;
    if (this.options.safe && record.origin === 'user') return new SafeMode(id);
    if (this.options.settings().disabledExtensions.includes(id)) return new SwitchedOff(id);
    const suspicion = this.suspects.get(id);
    if (suspicion) return suspicion;
    for (const required of record.requires) {
      const other = this.records.find((candidate) => candidate.id === required);
      if (!other?.activation) return new RequirementMissing(id, required, other ? 'does not run' : 'is not installed');
    }
    return null;
  }

  /** Rebuilds the registries. Who fails at that is withdrawn; true when there was one. */
  private withdrawFaulty(): boolean {
    const { bus, core } = this.options;
    const { points } = bus;
    const samplers = points.collectSamplers.collect(core?.samplers, checkNoun.sampler);
    const schedulers = points.collectSchedulers.collect(core?.schedulers, checkNoun.scheduler);
    const modelFamilies = points.collectModelFamilies.collect(core?.modelFamilies, checkNoun.modelFamily);
    const tabs = points.collectTabs.collect([], checkNoun.tab);
    const settings = points.collectSettings.collect([], checkNoun.settings);
    const faults = [samplers, schedulers, modelFamilies, tabs, settings].flatMap((collection: Collection<unknown>) => collection.faults);
    for (const fault of faults) {
      const record = this.running(fault.extension);
      if (!record) continue; // failed in two registries
      this.withdraw(record);
      record.failure = { stage: 'running', error: fault };
      this.changed.add(record);
    }
    this.collected = {
      samplers: watched(samplers.items, (extension, sampler) => watchedSampler(bus, extension, sampler)),
      schedulers: watched(schedulers.items, (extension, scheduler) => watchedScheduler(bus, extension, scheduler)),
      modelFamilies: modelFamilies.items,
      tabs: tabs.items.map(({ item, extension }) => ({ ...item, extension: extension! })).sort((a, b) => a.order - b.order),
      settings: new Map(settings.items.map(({ item, extension }) => [extension!, item])),
    };
    return faults.length > 0;
  }

  private async folderChanged(folder: string): Promise<void> {
    const record = this.records.find((known) => known.folder === folder);
    await (record?.activation ? this.reload(record.id) : this.refresh());
  }

  private announce(): void {
    const entries = [...this.changed].map((record) => this.entryOf(record));
    this.changed.clear();
    for (const entry of entries) for (const listener of this.listeners) listener(entry);
  }

  private entryOf(record: ExtensionRecord): ExtensionEntry {
    const { samplers, schedulers, settings } = this.collected;
    const { bus } = this.options;
    const isMine = ({ extension }: { extension: string | null }): boolean => record.activation !== null && extension === record.id;
    const schema = record.activation ? settings.get(record.id) : undefined;
    return record.entry({
      samplers: samplers.filter(isMine).map(({ id }) => id),
      schedulers: schedulers.filter(isMine).map(({ id }) => id),
      settingsSchema: schema ? z.toJSONSchema(schema, { io: 'input' }) : null,
      timings: bus.timings().filter(isMine),
      notes: bus
        .openAnchors()
        .filter(isMine)
        .map(({ hook, anchor }) => this.anchorNote(hook, anchor)),
    });
  }

  private anchorNote(hook: HookName, anchor: string): string {
    const isInstalled = this.records.some((record) => record.id === anchor);
    return `It wants a place relative to "${anchor}" in ${hook}, which ${isInstalled ? 'does not tap that hook now' : 'is not installed'}.`;
  }

  private named(record: ExtensionRecord, stage: Stage, error: unknown): AppError {
    return error instanceof AppError ? error : new ExtensionFault(record.id, stage, error);
  }

  private running(id: string): ExtensionRecord | undefined {
    return this.records.find((record) => record.id === id && record.activation !== null);
  }

  private of(origin: ExtensionRecord['origin']): ExtensionRecord[] {
    return this.records.filter((record) => record.origin === origin);
  }

  /** Ours first, then other people's; each after those it requires, else by id. */
  private sort(): void {
    const sorted = [...byRequirement(this.of('builtin')), ...byRequirement(this.of('user'))];
    this.records.splice(0, this.records.length, ...sorted);
  }

  private find(id: string): ExtensionRecord {
    const record = this.running(id) ?? this.records.find((candidate) => candidate.id === id);
    if (!record)
      throw new ExtensionNotFound(
        id,
        this.records.map((known) => known.id),
      );
    return record;
  }
}

/** Absolute paths of what may be extensions below `root`. */
async function foldersOf(root: string): Promise<string[]> {
  return (await foldersIn(root)).map((name) => path.resolve(root, name));
}

/** Things of extensions made so that their code is watched; those of the core as they are. */
function watched<T>(items: readonly Collected<T>[], watch: (extension: string, item: T) => T): Collected<T>[] {
  return items.map((added) => (added.extension === null ? added : { ...added, item: watch(added.extension, added.item) }));
}

import { mkdir } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type { ExtensionContext, ExtensionDefinition, ExtensionLog, ExtensionManifest, RouteContext } from '@atelier/sdk';
import type { Bus } from '../hooks/index.js';
import { checkDefinition } from './definition.js';
import {
  ActivationTooSlow,
  ExtensionSettingsInvalid,
  ExtensionWithdrawn,
  RouteInputInvalid,
  RouteNotFound,
  RouteOutputInvalid,
} from './errors.js';

export interface ActivationInput {
  bus: Bus;
  manifest: ExtensionManifest;
  folder: string;
  dataFolder: string;
  /** The compiled server half, where there is one. */
  serverFile: string | null;
  /** The extension's section of the settings, as it was saved. */
  savedSettings: () => unknown;
  log: ExtensionLog;
  /** How long `activate` may take. */
  limitMs: number;
}

/** An extension that runs: everything it brought and tapped, until it is disposed. */
export class Activation implements Disposable {
  private readonly owned: Disposable[] = [];
  private readonly controller = new AbortController();
  private definition: ExtensionDefinition = {};

  private constructor(private readonly input: ActivationInput) {}

  /**
   * Loads the code, checks what it exports and runs `activate`. When any of it fails, nothing of it stays.
   *
   * @throws ExtensionFault
   */
  static async start(input: ActivationInput): Promise<Activation> {
    const activation = new Activation(input);
    try {
      await activation.load();
      activation.tapNouns();
      await activation.activate();
      return activation;
    } catch (error) {
      activation[Symbol.dispose]();
      throw error;
    }
  }

  get id(): string {
    return this.input.manifest.id;
  }

  get routes(): string[] {
    return Object.keys(this.definition.routes ?? {});
  }

  /** Validates what comes in and what goes out; what the handler throws is the extension's fault. */
  async callRoute(name: string, input: unknown): Promise<unknown> {
    const route = Object.hasOwn(this.definition.routes ?? {}, name) ? this.definition.routes![name] : undefined;
    if (!route) throw new RouteNotFound(this.id, name, this.routes);
    const visit = this.input.bus.visit(this.id, `route ${name}`);
    const asked = await visit.run(() => route.input.safeParseAsync(input)); // refinements are the extension's code, too
    if (!asked.success) throw new RouteInputInvalid(this.id, name, asked.error);
    return visit.run(async () => {
      const answer = await route.output.safeParseAsync(await route.handle(asked.data, this.context()));
      if (!answer.success) throw new RouteOutputInvalid(answer.error);
      return answer.data;
    });
  }

  /** Takes away everything it brought and tells its code, through the signal. */
  [Symbol.dispose](): void {
    for (const handle of this.owned.splice(0)) handle[Symbol.dispose]();
    this.controller.abort(new ExtensionWithdrawn(this.id));
  }

  private async load(): Promise<void> {
    const { bus, serverFile } = this.input;
    if (serverFile === null) return;
    this.definition = await bus.visit(this.id, 'load').run(async () => {
      const module = (await import(/* @vite-ignore */ freshAddressOf(serverFile))) as { default?: unknown };
      return checkDefinition(module.default);
    });
  }

  /** What the manifest and the definition declare is tapped on the extension's behalf. */
  private tapNouns(): void {
    const { bus, manifest } = this.input;
    const { samplers = [], schedulers = [], modelFamilies = [], settings } = this.definition;
    const { tabs } = manifest.contributes;
    const hooks = bus.scoped(this.id, this.owned);
    if (tabs.length > 0) hooks.collectTabs.tap((registry) => tabs.forEach((tab) => registry.add(tab)));
    if (settings) hooks.collectSettings.tap((registry) => registry.add(settings));
    if (samplers.length > 0) hooks.collectSamplers.tap((registry) => samplers.forEach((sampler) => registry.add(sampler)));
    if (modelFamilies.length > 0) hooks.collectModelFamilies.tap((registry) => modelFamilies.forEach((family) => registry.add(family)));
    if (schedulers.length > 0) hooks.collectSchedulers.tap((registry) => schedulers.forEach((scheduler) => registry.add(scheduler)));
  }

  private async activate(): Promise<void> {
    const { bus, limitMs } = this.input;
    await mkdir(this.input.dataFolder, { recursive: true });
    const { activate } = this.definition;
    if (!activate) return;
    const { signal } = this.controller;
    const context: ExtensionContext = { ...this.context(), hooks: bus.scoped(this.id, this.owned, signal), signal };
    await bus.visit(this.id, 'activate').run(() => within(limitMs, Promise.resolve(activate(context))));
  }

  private context(): RouteContext {
    const { folder, dataFolder, log } = this.input;
    return { id: this.id, folder, dataFolder, log, settings: () => this.settings() };
  }

  /** The saved section with defaults filled in; as it is where the extension declares no schema. */
  private settings(): Readonly<Record<string, unknown>> {
    const saved = this.input.savedSettings() ?? {};
    const parsed = this.definition.settings?.safeParse(saved);
    if (parsed && !parsed.success) throw new ExtensionSettingsInvalid(this.id, parsed.error);
    return (parsed?.data ?? saved) as Readonly<Record<string, unknown>>;
  }
}

const starts = new Map<string, number>();

/** An address the module system has not seen, so that each start begins with fresh variables. (Old ones cannot be unloaded.) */
function freshAddressOf(file: string): string {
  const start = (starts.get(file) ?? 0) + 1;
  starts.set(file, start);
  return start === 1 ? pathToFileURL(file).href : `${pathToFileURL(file).href}?start=${start}`;
}

/** @throws ActivationTooSlow */
async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ActivationTooSlow(limitMs / 1000)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

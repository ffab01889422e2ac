import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ReportedError, type ModelFamily, type Sampler, type Scheduler } from '@atelier/sdk';
import type { ExtensionEntry } from '@atelier/sdk/contracts';
import { ExtensionHost } from '../extensions/index.js';
import { createBus, type Bus } from '../hooks/index.js';

export interface LoadOptions {
  /** The extension's section of the settings. */
  settings?: Record<string, unknown>;
  /** Folders of other extensions that run beside it. */
  beside?: readonly string[];
}

/** An extension as it runs in the engine, with a data folder of its own that goes when it is disposed. */
export interface LoadedExtension extends AsyncDisposable {
  bus: Bus;
  samplers: readonly Sampler[];
  schedulers: readonly Scheduler[];
  modelFamilies: readonly ModelFamily[];
  dataFolder: string;
  /** State, faults, timings: what its page shows. */
  entry(): ExtensionEntry;
  callRoute(route: string, input: unknown): Promise<unknown>;
}

/**
 * Loads an extension's folder through the real loader.
 *
 * @throws what kept it from running.
 */
export async function loadExtension(folder: string, { settings = {}, beside = [] }: LoadOptions = {}): Promise<LoadedExtension> {
  const home = await mkdtemp(path.join(os.tmpdir(), 'atelier-extension-'));
  const id = path.basename(path.resolve(folder));
  const folders = { builtin: path.join(home, 'extensions-builtin'), user: path.join(home, 'extensions') };
  const dataDir = path.join(home, 'data');
  await mkdir(folders.user, { recursive: true });
  for (const each of [folder, ...beside]) {
    await symlink(path.resolve(each), path.join(folders.user, path.basename(path.resolve(each))), 'junction');
  }

  const bus = createBus();
  const host = new ExtensionHost({ bus, folders, dataDir, settings: () => ({ extensions: { [id]: settings }, disabledExtensions: [] }) });
  const dispose = async (): Promise<void> => {
    await host.stop();
    await rm(home, { recursive: true, force: true });
  };
  const entry = (): ExtensionEntry => host.entries().find((candidate) => candidate.id === id)!;
  await host.start();
  const { error } = entry();
  if (error) {
    await dispose();
    throw new ReportedError(error);
  }

  const ownItems = <T>(items: readonly { item: T; extension: string | null }[]): T[] =>
    items.filter(({ extension }) => extension === id).map(({ item }) => item);
  return {
    bus,
    samplers: ownItems(host.nouns().samplers),
    schedulers: ownItems(host.nouns().schedulers),
    modelFamilies: ownItems(host.nouns().modelFamilies),
    dataFolder: path.join(dataDir, 'extensions', id),
    entry,
    callRoute: (route, input) => host.callRoute(id, route, input),
    [Symbol.asyncDispose]: dispose,
  };
}

import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ExtensionEntry } from '@atelier/sdk/contracts';
import { ExtensionHost, type ExtensionHostOptions } from '../../backend/src/extensions/index.js';
import { createBus, type Bus } from '../../backend/src/hooks/index.js';

/** A home for extensions in the making: folders, data, and a host over them. */
export interface Workshop extends AsyncDisposable {
  bus: Bus;
  host: ExtensionHost;
  folders: { builtin: string; user: string };
  dataDir: string;
  disabled: string[];
  settings: Record<string, Record<string, unknown>>;
  /** Writes an extension: its files, and what its manifest has beside the necessary. */
  write(id: string, files: Record<string, string>, manifest?: Record<string, unknown>, origin?: 'builtin' | 'user'): Promise<string>;
  /** Copies a folder among the extensions. */
  bring(folder: string): Promise<void>;
  entry(id: string): ExtensionEntry;
}

export async function workshop(options: Partial<ExtensionHostOptions> = {}): Promise<Workshop> {
  const home = await mkdtemp(path.join(os.tmpdir(), 'atelier-workshop-'));
  const folders = { builtin: path.join(home, 'extensions-builtin'), user: path.join(home, 'extensions') };
  for (const folder of Object.values(folders)) await mkdir(folder);
  const bus = createBus();
  const dataDir = path.join(home, 'data');
  const disabled: string[] = [];
  const settings: Workshop['settings'] = {};
  const host = new ExtensionHost({ bus, folders, dataDir, settings: () => ({ extensions: settings, disabledExtensions: disabled }), ...options });
  return {
    bus,
    host,
    folders,
    dataDir,
    disabled,
    settings,
    async write(id, files, manifest = {}, origin = 'user') {
      const folder = path.join(folders[origin], id);
      const half = 'index.ts' in files ? { server: 'index.ts' } : {};
      const all = { 'extension.json': JSON.stringify({ id, name: id, version: '1.0.0', sdk: '^1.0.0', ...half, ...manifest }), ...files };
      for (const [name, content] of Object.entries(all)) {
        await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
        await writeFile(path.join(folder, name), content);
      }
      return folder;
    },
    bring: (folder) => cp(folder, path.join(folders.user, path.basename(folder)), { recursive: true }),
    entry: (id) => host.entries().find((entry) => entry.id === id)!,
    async [Symbol.asyncDispose]() {
      await host.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Source of an extension that adds a word to every prompt. */
export const adding = (word: string): string => `
import { defineExtension } from '@atelier/sdk';
export default defineExtension({
  activate({ hooks }) {
    hooks.transformPrompt.tap((prompt) => ({ ...prompt, positive: prompt.positive + ' ${word}' }));
  },
});`;

/** What becomes of an empty prompt. */
export async function prompted(bus: Bus, positive = ''): Promise<string> {
  const context = { job: { id: 'job', request: {} as never }, index: 0, seed: 1, random: () => 0 };
  return (await bus.points.transformPrompt.call({ positive, negative: '' }, context)).positive.trim();
}

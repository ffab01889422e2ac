import { Injectable } from '@nestjs/common';
import { fail, z } from '@atelier/sdk';
import type { Catalogue, ExtensionEntry, Settings, SettingsPatch } from '@atelier/sdk/contracts';
import { findCheckpoint } from '../jobs/accept-request.js';
import { CatalogueShelf } from '../jobs/catalogue-shelf.js';
import { EngineProcess } from '../jobs/engine-process.js';
import { SettingsStore } from '../settings/settings-store.js';
import { ExtensionNotFound } from './errors.js';
import { RequestInvalid } from './request-invalid.js';

/** Changes settings, once what they name is known to exist. */
@Injectable()
export class SettingsService {
  constructor(
    private readonly store: SettingsStore,
    private readonly catalogue: CatalogueShelf,
    private readonly engine: EngineProcess,
  ) {}

  /** Returns when the change has taken effect everywhere. */
  async change(patch: SettingsPatch): Promise<Settings> {
    if (patch.checkpoint || patch.extensions || patch.disabledExtensions) check(patch, await this.catalogue.get());
    const changed = this.store.change(patch);
    await this.engine.applySettings();
    return changed;
  }
}

function check({ checkpoint, extensions = {}, disabledExtensions = [] }: SettingsPatch, catalogue: Catalogue): void {
  if (checkpoint) findCheckpoint(catalogue.checkpoints, checkpoint);
  for (const id of disabledExtensions) findExtension(catalogue, id);
  for (const [id, section] of Object.entries(extensions)) {
    const { settingsSchema } = findExtension(catalogue, id);
    if (!settingsSchema) continue; // it tells none now; its section is kept for when it does
    const schema = z.fromJSONSchema(settingsSchema as Parameters<typeof z.fromJSONSchema>[0]);
    const { error } = schema.safeParse(section);
    if (error) throw new RequestInvalid(error.issues, schema);
  }
}

/** The extension of that id, or an error with the ids there are. */
export function findExtension({ extensions }: Catalogue, id: string): ExtensionEntry {
  return (
    extensions.find((entry) => entry.id === id) ??
    fail(
      new ExtensionNotFound(
        id,
        extensions.map((entry) => entry.id),
      ),
    )
  );
}

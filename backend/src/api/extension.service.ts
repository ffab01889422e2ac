import { Injectable } from '@nestjs/common';
import { AppError } from '@atelier/sdk';
import type { BodyOf, changeExtension, ErrorReport, ExtensionEntry } from '@atelier/sdk/contracts';
import { CatalogueShelf } from '../jobs/catalogue-shelf.js';
import { EngineProcess } from '../jobs/engine-process.js';
import { SettingsStore } from '../settings/settings-store.js';
import { ExtensionRouteNotFound } from './errors.js';
import { findExtension, SettingsService } from './settings.service.js';

/** A route could not be reached, because the engine that runs its code is not there. */
class ExtensionUnreachable extends AppError {
  readonly code = 'extension-unreachable';
  override readonly kind = 'unavailable';
  constructor(
    private readonly extension: string,
    override readonly cause: AppError,
  ) {
    super(`Extension "${extension}" cannot answer. ${cause.message}`, cause.hint);
  }

  protected override reportExtras(): Partial<ErrorReport> {
    return { extension: this.extension };
  }
}

/** Switches extensions on and off, and calls their routes. Their code runs in the engine. */
@Injectable()
export class ExtensionService {
  constructor(
    private readonly catalogue: CatalogueShelf,
    private readonly engine: EngineProcess,
    private readonly store: SettingsStore,
    private readonly settings: SettingsService,
  ) {}

  /** Returns when the extension is in its new state, which may be `failed`. */
  async change(id: string, { enabled, reload }: BodyOf<typeof changeExtension>): Promise<ExtensionEntry> {
    const { state } = findExtension(await this.catalogue.get(), id);
    const others = this.store.current.disabledExtensions.filter((disabled) => disabled !== id);
    const wasDisabledByPerson = others.length < this.store.current.disabledExtensions.length;
    if (enabled === false) await this.settings.change({ disabledExtensions: [...others, id] });
    if (enabled === true) {
      this.engine.clearSuspect(id);
      await this.settings.change({ disabledExtensions: others });
    }
    // one that is off because the engine died in it comes back by being loaded again
    const isHeldBack = enabled === true && state === 'disabled' && !wasDisabledByPerson;
    if (reload || isHeldBack) await this.engine.ask('reload-extension', { extension: id });
    return findExtension(await this.catalogue.get(), id);
  }

  async call(id: string, route: string, input: unknown): Promise<unknown> {
    const { routes } = findExtension(await this.catalogue.get(), id);
    if (!routes.includes(route)) throw new ExtensionRouteNotFound(id, route, routes);
    try {
      return await this.engine.ask('extension-route', { extension: id, route, input });
    } catch (error) {
      if (error instanceof AppError && error.code.startsWith('engine-')) throw new ExtensionUnreachable(id, error);
      throw error;
    }
  }
}

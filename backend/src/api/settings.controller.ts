import { Body, Controller } from '@nestjs/common';
import { changeSettings, getSettings, type BodyOf, type ReplyOf } from '@atelier/sdk/contracts';
import { SettingsStore } from '../settings/settings-store.js';
import { Endpoint } from './endpoint.decorator.js';
import { SettingsService } from './settings.service.js';

@Controller()
export class SettingsController {
  constructor(
    private readonly store: SettingsStore,
    private readonly settings: SettingsService,
  ) {}

  @Endpoint(getSettings)
  get(): ReplyOf<typeof getSettings> {
    return this.store.current;
  }

  @Endpoint(changeSettings)
  change(@Body({ schema: changeSettings.body }) patch: BodyOf<typeof changeSettings>): Promise<ReplyOf<typeof changeSettings>> {
    return this.settings.change(patch);
  }
}
